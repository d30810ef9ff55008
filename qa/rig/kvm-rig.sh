#!/usr/bin/env bash
# ./dev kvm-rig: the KVM engine where hardware is not at hand. Builds a Debian with a JDK and Isola in it and boots that
# inside QEMU's software processor with AMD-V, where kvm-amd runs guests. Everything is fetched when it runs, by the
# machine's own debootstrap and by `isola image pull`; it is root's work and takes some 5 GiB under .build/kvm-rig.
#
#   RIG_KERNELS  more guest kernels, separated by blanks (those of Isola's Debian 12 and 13 images are always there)
#   RIG_BOOTS    boots in a row in one JVM, 100 unless said
#   RIG_EXITS    exits in each measurement of their rate, 20000 unless said
#   RIG_CPUS     processors of the outer machine, 2 unless said
#   RIG_SLOWER   how many times as long as usual each step may take, 1 unless said
#   RIG_STEPS    the steps to run, separated by commas; all unless said
#
# The report is .build/kvm-rig/report.txt, whatever happens; status 1 if a step failed or the machine did not get to the
# end.
set -euo pipefail
# The shell reads the whole of this before it begins, so that the file may change while it runs.
{
cd "$(dirname "$(readlink -f "$0")")/../.."
. launcher/setup.sh

for tool in debootstrap gcc ld cpio mke2fs unshare timeout; do
  command -v "$tool" >/dev/null \
    || isola_fail "the rig needs $tool (packages debootstrap, gcc, binutils, cpio, e2fsprogs, util-linux, coreutils)"
done
[ "$(id -u)" = 0 ] || isola_fail "debootstrap needs root"
isola_find_jdk javac || isola_fail "no JDK $isola_jdk was found; set JAVA_HOME to one."
rig=$PWD/.build/kvm-rig
root=$rig/root
report=$rig/report.txt
slower=${RIG_SLOWER:-1}
mkdir -p "$rig"
rm -f "$rig/disk"
: >"$report"

say() { printf '%s\n' "$*" | tee -a "$report"; }
trap 'status=$?; [ $status = 0 ] || say "== not finished: ./dev kvm-rig ended with status $status while it was: $doing"' EXIT

doing="fetching a Debian"
if [ ! -e "$rig/debian" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/\?$' || true)
  rm -rf "$root"
  timeout 3600 debootstrap --variant=minbase \
    --include=qemu-system-x86,busybox-static,kmod,linux-image-cloud-amd64 trixie "$root" ${mirror:+"$mirror"} \
    >"$rig/debootstrap.log"
  touch "$rig/debian"
fi

doing="building Isola"
timeout 1800 ./isola --version >&2
timeout 1800 mvn --batch-mode --quiet package --projects qa --also-make -Dmaven.test.skip=true </dev/null >"$rig/build.log"

doing="compiling the engine's tests"
rm -rf "$rig/tests" && mkdir -p "$rig/tests" "$rig/jars"
for artifact in org.junit.platform:junit-platform-console-standalone:1.13.4 org.assertj:assertj-core:3.27.6 org.jspecify:jspecify:1.0.0; do
  name=${artifact#*:}
  [ -e "$rig/jars/${name/:/-}.jar" ] || timeout 600 mvn --batch-mode --quiet dependency:copy --projects . \
    -Dartifact="$artifact" -DoutputDirectory="$rig/jars" </dev/null >"$rig/build.log"
done
"$JAVA_HOME/bin/javac" -nowarn -proc:none -d "$rig/tests" -cp "manage/cli/target/dist/lib/*:$rig/jars/*" \
  cpu/kvm/src/test/java/isola/cpu/kvm/*.java

doing="making images"
export ISOLA_CACHE=$rig/cache
for image in debian:12 debian:13; do
  ./isola image inspect "$image" >"$rig/image.json" 2>/dev/null || timeout 1800 ./isola image pull "$image" >&2
done

doing="putting Isola and the guests into it"
# What the launcher looks at, so that it takes the build for up to date; the build and its class cache are made again if not.
rm -rf "$root/opt" && mkdir -p "$root/opt/isola" "$root/opt/guests/corpus" "$root/opt/qa"
cp -a --parents isola launcher pom.xml .mvn image/pom.xml manage/cli/pom.xml manage/cli/target/dist "$root/opt/isola/"
rm -rf "$root/opt/isola/manage/cli/target/dist/aot"
mkdir -p "$root/opt/isola/"{image,manage/cli}/src/main "$root/opt/isola/.build"
touch "$root/opt/isola/manage/cli/target/dist/built"
cp qa/target/isola-qa-*.jar "$root/opt/qa/isola-qa.jar"
cp -r "$rig/tests" "$rig/jars" "$root/opt/"
mkdir -p "$root/opt/cache" && cp -a "$rig/cache/." "$root/opt/cache/"
"$JAVA_HOME/bin/jlink" --add-modules java.se,jdk.unsupported,jdk.jfr --output "$root/opt/jdk"

# kernel_of RELEASE: the file that the image boots.
kernel_of() {
  local name
  name=$(sed -n '/"kernel"/,/}/s/.*"sha256" : "\([0-9a-f]*\)".*/\1/p' "$rig/cache/images/debian-$1.json")
  printf '%s\n' "$rig/cache/blobs/sha256/$name"
}
for release in 12 13; do ln -s "/opt/cache/blobs/sha256/$(basename "$(kernel_of "$release")")" "$root/opt/guests/kernel-debian$release"; done
for kernel in ${RIG_KERNELS:-}; do
  cp "$kernel" "$root/opt/guests/kernel-$(basename "$(dirname "$kernel")")-$(basename "$kernel")"
done
exits=${RIG_EXITS:-20000}
gcc -static -O2 -o "$root/opt/guests/exits" qa/rig/exits.c
gcc -m32 -c -DCOUNT="$exits" -o "$rig/exits.o" qa/rig/exits.S
ld -m elf_i386 -Ttext=0x100000 -e 0x100020 --oformat binary -o "$root/opt/guests/exits.bin" "$rig/exits.o"
for source in qa/src/test/resources/guest/*.S; do
  # When a guest that has EFER.LME set, but neither paging nor CR4.PAE, leaves, the outer QEMU 10 does not give the host its
  # CR0 back, and its processor hangs (seen with its monitor: CR0 13h in the kernel's own code).
  [ "$(basename "$source")" = control.S ] && continue
  program=$root/opt/guests/corpus/$(basename "$source" .S)
  cp "$source" "$program.S"
  gcc -c -m64 -x assembler-with-cpp -I"$(dirname "$source")" -o "$rig/program.o" "$source" 2>/dev/null
  flat=(ld -m elf_x86_64 -Ttext=0xf0000 --section-start=.reset=0xffff0 -e 0xf0000 --oformat binary)
  "${flat[@]}" -o "$program.bin" "$rig/program.o"
  # What the outer processor makes of it by itself: the value of the exit port comes through the debug console too.
  gcc -c -m64 -DDEBUG_PORT -x assembler-with-cpp -I"$(dirname "$source")" -o "$rig/program.o" "$source" 2>/dev/null
  mkdir -p "$root/rig/bare" && rm -f "$root/rig/bare/told"
  "${flat[@]}" -o "$root/rig/bare/rom" "$rig/program.o"
  timeout 60 chroot "$root" qemu-system-x86_64 -M pc -accel tcg -cpu EPYC -m 64 -nodefaults -display none -no-reboot \
    -bios /rig/bare/rom -device isa-debug-exit,iobase=0xf4,iosize=4 -debugcon file:/rig/bare/told </dev/null >/dev/null 2>&1 && status=0 || status=$?
  value=$(od -An -N2 -tu2 "$root/rig/bare/told" 2>/dev/null | tr -d ' ')
  # QEMU may end before the guest gets to the console; its status has the low seven bits.
  [ -n "$value" ] || value=$((status / 2))
  echo "EXIT $value" >"$program.bare"
done
# What KVM itself does otherwise.
echo "EXIT 152 (KVM raises no I/O breakpoint for an access that it passes on)" >"$root/opt/guests/corpus/debug.known"
echo "EXIT 67 (CR0.TS is clear after the task switch that KVM does for the guest)" >"$root/opt/guests/corpus/tasks.known"
install -m 755 qa/rig/inside.sh "$root/sbin/rig"

# The guests' first process says hello and switches off.
rm -rf "$rig/hello" && mkdir -p "$rig/hello"/{bin,proc,sys,dev}
cp "$root/bin/busybox" "$rig/hello/bin/"
printf '#!/bin/busybox sh\necho HELLO FROM INIT\n/bin/busybox poweroff -f\n' >"$rig/hello/init"
chmod +x "$rig/hello/init"
(cd "$rig/hello" && find . | cpio --quiet -o -H newc | gzip) >"$root/opt/guests/hello.gz"

# Or it numbers lines for as long as it runs, looks whether time goes on as it should, and has something to do beside that.
cat >"$rig/hello/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys
while true; do dd if=/dev/zero bs=64k count=16 2>/dev/null | md5sum | grep -q b6d81b360a5672d80c27430f39153e2c || echo WRONG sum; done &
i=0 last=0
while true; do
  read -r up rest </proc/uptime
  now=${up%.*}${up#*.}
  [ "$now" -lt "$last" ] && echo WRONG time back from $last to $now
  [ "$last" != 0 ] && [ $((now - last)) -gt 3000 ] && echo WRONG time on from $last to $now
  i=$((i + 1)) last=$now
  echo "LINE $i"
  usleep 50000
done
INIT
(cd "$rig/hello" && mknod dev/null c 1 3 && mknod dev/zero c 1 5 && mknod dev/console c 5 1 && find . | cpio --quiet -o -H newc | gzip) \
  >"$root/opt/guests/count.gz"
gcc -m32 -c -x assembler-with-cpp -o "$rig/clocks.o" qa/src/test/resources/machine/clocks.S
ld -m elf_i386 -Ttext=0x100000 -e 0x100020 --oformat binary -o "$root/opt/guests/clocks.bin" "$rig/clocks.o"

# The launcher makes its class cache at the first start, which would take minutes inside.
doing="making the class cache"
timeout 600 unshare --mount sh -c "mount -t proc proc '$root/proc' && mount --rbind /dev '$root/dev' \
  && exec chroot '$root' env JAVA_HOME=/opt/jdk PATH=/opt/jdk/bin:/usr/sbin:/usr/bin:/sbin:/bin /opt/isola/isola --version" >&2

# The rig's own ramdisk loads what its kernel has as modules, and changes over to the disk.
doing="making the outer machine"
modules=$(echo "$root"/lib/modules/*)
rm -rf "$rig/first" && mkdir -p "$rig/first"/{bin,proc,sys,dev,m,root}
cp "$root/bin/busybox" "$rig/first/bin/"
for module in virtio_blk irqbypass kvm kvm-amd; do
  file=$(find "$modules" -name "$module.ko*" | head -n 1)
  [ -z "$file" ] && continue
  case $file in *.xz) xz -dc "$file" >"$rig/first/m/$module.ko" ;; *) cp "$file" "$rig/first/m/$module.ko" ;; esac
done
cat >"$rig/first/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for module in virtio_blk irqbypass kvm kvm-amd; do [ -e /m/$module.ko ] && insmod /m/$module.ko; done
mount /dev/vda /root
for place in proc sys dev; do mount --move /$place /root/$place; done
exec switch_root /root /sbin/rig
INIT
chmod +x "$rig/first/init"
(cd "$rig/first" && find . | cpio --quiet -o -H newc | gzip -1) >"$rig/first.gz"

# The outer QEMU is the new Debian's own: that of Debian 12 (7.2) corrupts the outer kernel's memory now and then when it
# emulates AMD-V, with QEMU's guests as with ours.
rm -rf "$root/rig"
mke2fs -q -t ext4 -d "$root" "$rig/disk" 3G
mkdir "$root/rig"
mv "$rig/disk" "$root/rig/disk"
kernel=$(find "$root/boot" -name 'vmlinuz-*' | tail -n 1)
cp "$rig/first.gz" "$root/rig/" && cp "$kernel" "$root/rig/kernel"

doing="running inside"
qemu=$(chroot "$root" qemu-system-x86_64 --version | sed -n '1s/.*version //p')
say "== outside: QEMU $qemu, $(nproc) processors for ${RIG_CPUS:-2}, load $(cut -d' ' -f1-3 /proc/loadavg) before; Isola $(git rev-parse --short HEAD 2>/dev/null || echo '?')"
timeout --kill-after=30 "$((slower * 10800))" chroot "$root" qemu-system-x86_64 -M q35 -accel tcg -cpu EPYC,+svm,+npt \
  -smp "${RIG_CPUS:-2}" -m 3072 -nodefaults -display none -no-reboot -serial stdio \
  -drive file=/rig/disk,format=raw,if=virtio,cache=unsafe -kernel /rig/kernel -initrd /rig/first.gz -append \
  "console=ttyS0 quiet mitigations=off tsc=reliable rig.boots=${RIG_BOOTS:-100} rig.exits=$exits rig.slower=$slower rig.steps=${RIG_STEPS:-all}" \
  </dev/null 2>"$rig/qemu.log" | sed -u 's/\r//g' | tee -a "$report" || say "== the outer QEMU ended with a failure"
say "== outside: load $(cut -d' ' -f1-3 /proc/loadavg) after"
trap - EXIT
grep -q '^== end: 0 steps failed' "$report" && exit 0
isola_say "a step failed, or the machine did not get to its end; see $report"
exit 1
}
