#!/usr/bin/env bash
# ./dev kvm-rig: the KVM engine where hardware is not at hand. Builds a Debian with a JDK and Isola in it and boots that
# inside QEMU's software processor with AMD-V, where kvm-amd runs guests. Everything is fetched when it runs, by the
# machine's own debootstrap and apt; it is root's work, takes an hour, and some 4 GiB under .build/kvm-rig.
#
#   RIG_KERNELS  more guest kernels, separated by blanks (the rig's own Debian kernel is always one)
#   RIG_BOOTS    boots in a row at the end, 100 unless said
#   RIG_CPUS     processors of the outer machine, 2 unless said
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. launcher/setup.sh

for tool in debootstrap gcc ld cpio mke2fs; do
  command -v "$tool" >/dev/null || isola_fail "the rig needs $tool (packages debootstrap, gcc, binutils, cpio, e2fsprogs)"
done
[ "$(id -u)" = 0 ] || isola_fail "debootstrap needs root"
isola_find_jdk javac || isola_fail "no JDK $isola_jdk was found; set JAVA_HOME to one."
rig=$PWD/.build/kvm-rig
root=$rig/root
mkdir -p "$rig"
rm -f "$rig/disk"

if [ ! -e "$rig/debian" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/\?$' || true)
  rm -rf "$root"
  debootstrap --variant=minbase \
    --include=qemu-system-x86,busybox-static,kmod,linux-image-cloud-amd64 trixie "$root" ${mirror:+"$mirror"}
  touch "$rig/debian"
fi

./isola --version
rm -rf "$root/opt" && mkdir -p "$root/opt/isola" "$root/opt/guests"
cp -r manage/cli/target/dist/lib "$root/opt/isola/"
"$JAVA_HOME/bin/jlink" --add-modules java.se,jdk.unsupported,jdk.jfr --output "$root/opt/jdk"
for kernel in "$root"/boot/vmlinuz-* ${RIG_KERNELS:-}; do
  cp "$kernel" "$root/opt/guests/vmlinuz-$(basename "$(dirname "$kernel")")-$(basename "$kernel" | sed 's/^vmlinuz-*//')"
done
gcc -static -O2 -o "$root/opt/guests/exits" qa/rig/exits.c
gcc -m32 -c -DCOUNT=200000 -o "$rig/exits.o" qa/rig/exits.S
ld -m elf_i386 -Ttext=0x100000 -e 0x100020 --oformat binary -o "$root/opt/guests/exits.bin" "$rig/exits.o"
install -m 755 qa/rig/inside.sh "$root/sbin/rig"

# The guests' first process says hello and switches off.
rm -rf "$rig/hello" && mkdir -p "$rig/hello"/{bin,proc,sys,dev}
cp "$root/bin/busybox" "$rig/hello/bin/"
printf '#!/bin/busybox sh\necho HELLO FROM INIT\n/bin/busybox poweroff -f\n' >"$rig/hello/init"
chmod +x "$rig/hello/init"
(cd "$rig/hello" && find . | cpio --quiet -o -H newc | gzip) >"$root/opt/guests/hello.gz"

# The rig's own ramdisk loads what its kernel has as modules, and changes over to the disk.
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
cp "$rig/first.gz" "$(find "$root/boot" -name 'vmlinuz-*' | tail -n 1)" "$root/rig/"
chroot "$root" qemu-system-x86_64 -M q35 -accel tcg -cpu EPYC,+svm,+npt -smp "${RIG_CPUS:-2}" -m 3072 -nodefaults \
  -display none -no-reboot -serial stdio -drive file=/rig/disk,format=raw,if=virtio,cache=unsafe \
  -kernel "/$(cd "$root" && find rig -name 'vmlinuz-*')" -initrd /rig/first.gz \
  -append "console=ttyS0 quiet mitigations=off tsc=reliable rig.boots=${RIG_BOOTS:-100}" </dev/null 2>/dev/null | tee "$rig/report.txt"
