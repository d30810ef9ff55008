#!/bin/bash
# What ./dev kvm-rig runs inside its machine, as the first process: the steps of the report. Each has a limit of time; one that
# fails is told and counted, and the next goes on. Figures go to the console. Switches off at the end.
export PATH=/opt/jdk/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=dumb HOME=/root JAVA_HOME=/opt/jdk ISOLA_CACHE=/opt/cache
mount -t tmpfs tmpfs /tmp && mkdir -p /dev/pts && mount -t devpts devpts /dev/pts

# The JVM moves its class cache to a place by chance, which costs nothing on hardware and 14 seconds on this processor.
export ISOLA_JAVA_OPTIONS='-XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0'

failed=0
word() { sed -n "s/.*rig\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
slower=$(word slower) boots=$(word boots) exits=$(word exits) steps=$(word steps)
say() { printf '%s\n' "$*"; }
now() { cut -d' ' -f1 /proc/uptime; }
since() { awk "BEGIN{printf \"%.1f\", $(now)-$1}"; }

# limited SECONDS COMMAND...: with the rig's patience.
limited() {
  local seconds=$(($1 * ${slower:-1}))
  shift
  timeout --kill-after=20 "$seconds" "$@" </dev/null
}

# step NAME FUNCTION...: one part of the report. The function's status says whether all was well.
step() {
  local name=$1 from
  shift
  case ,${steps:-all}, in *,all,* | *",$1,"*) ;; *) return ;; esac
  from=$(now)
  say "== $name"
  if "$@"; then
    say "== $name: done in $(since "$from") s"
  else
    failed=$((failed + 1))
    say "== $name: FAILED after $(since "$from") s"
  fi
}

isola=/opt/isola/isola
append='console=ttyS0 quiet reboot=t panic=-1'

# A program of the qa module, in a JVM like the launcher's.
qa() {
  local seconds=$1
  shift
  limited "$seconds" java -XX:+UseSerialGC -Xmx192m -XX:-UsePerfData -XX:TieredStopAtLevel="${tier:-1}" -XX:+UseCompactObjectHeaders \
    -XX:CompileCommand=quiet \
    -XX:CompileCommand=inline,jdk.internal.foreign.AbstractMemorySegmentImpl::equals \
    -XX:CompileCommand=inline,jdk.internal.foreign.abi.SharedUtils::checkNative \
    -XX:CompileCommand=inline,isola.cpu.kvm.GuestEntry::enter -XX:CompileCommand=inline,isola.core.bus.PortBus::offer \
    --enable-native-access=isola.host --module-path /opt/isola/manage/cli/target/dist/lib:/opt/qa \
    --add-modules isola.host,isola.cpu.kvm --module isola.qa/isola.qa.rig.RigMain "$@" 2>&1
}

# field FILE NAME: a number of the figures that --stats writes.
field() { sed -n "s/^ *\"$2\" : \([0-9.]*\),*$/\1/p" "$1" | head -n 1; }
# phase FILE NAME: when a boot reached something, in milliseconds since the JVM's start.
phase() { tr -d '\n' <"$1" | sed -n "s/.*\"name\" : \"$2\", *\"millis\" : \([0-9]*\).*/\1/p"; }

start() {
  ls -l /dev/kvm
  limited 120 "$isola" --version
  # With a guest that does nothing but write a port: what a start costs.
  limited 280 "$isola" boot --engine kvm --kernel /opt/guests/exits.bin --debug-exit --memory 32M --serial none --stats /tmp/stats \
    >/tmp/log 2>&1
  say "  status $? (1 is right), JVM to kernel entry $(phase /tmp/stats 'kernel entry') ms"
  limited 200 "$isola" run --engine nothing debian -- true 2>&1 | head -n 1
}

# The JUnit tests of cpu/kvm, of which those that need a real processor skip elsewhere.
tests() {
  limited 600 java -XX:+UseSerialGC -Xmx192m -XX:TieredStopAtLevel=1 --enable-native-access=isola.host \
    --module-path /opt/isola/manage/cli/target/dist/lib --add-modules isola.host,isola.cpu.kvm \
    --patch-module isola.cpu.kvm=/opt/tests --add-reads isola.cpu.kvm=ALL-UNNAMED --add-opens isola.cpu.kvm/isola.cpu.kvm=ALL-UNNAMED \
    -cp '/opt/jars/*' org.junit.platform.console.ConsoleLauncher execute --disable-banner --details=tree --details-theme=ascii \
    --disable-ansi-colors $(cd /opt/tests && find . -name '*Test.class' | sed 's,^./,--select-class ,; s,/,.,g; s,.class$,,') 2>&1 \
    | grep -a -v '^\s*at \|^$\|Vintage\|Suite\|containers'
  [ "${PIPESTATUS[0]}" = 0 ]
}
corpus() { qa 600 corpus /opt/guests/corpus kvm; }
relay() { qa 600 relay /opt/guests/corpus interpreter kvm && qa 600 relay /opt/guests/corpus kvm translator; }
# lines FILE: how many lines a guest has numbered until now.
lines() { grep -ac '^LINE' "$1"; }
# wait_for COUNT FILE: until it has so many.
wait_for() {
  local left=$((300 * ${slower:-1}))
  until [ "$(lines "$2")" -ge "$1" ]; do
    left=$((left - 1))
    [ $left -gt 0 ] || return 1
    sleep 1
  done
}

# A guest is saved by command and goes on, on the engines by turns; its lines have no gap, and its time does not jump.
saved() {
  local cpus first rest engine engines pid have
  for engines in 'kvm kvm' 'kvm translator' 'translator kvm'; do
    qa 300 saved /opt/guests/clocks.bin /tmp/saved $engines || return 1
  done
  for engines in '1 kvm kvm translator kvm' '2 kvm kvm translator kvm' '1 translator kvm translator kvm' '2 translator kvm translator kvm'; do
    read -r cpus first rest <<<"$engines"
    rm -f /tmp/saved /tmp/lines && : >/tmp/lines
    "$isola" boot --name guest --engine $first --cpu-model common --cpus $cpus --memory 256M --kernel /opt/guests/kernel-debian12 --initrd /opt/guests/count.gz \
      --append "$append" </dev/null >>/tmp/lines 2>/tmp/log &
    pid=$!
    have=0
    for engine in $rest; do
      wait_for $((have + 20)) /tmp/lines || { tail -n 40 /tmp/log /tmp/lines; kill $pid; return 1; }
      limited 200 "$isola" save guest /tmp/saved --force || return 1
      wait $pid
      [ $? = 3 ] || { tail -n 3 /tmp/log; return 1; }
      have=$(lines /tmp/lines)
      "$isola" restore --name guest --engine $engine /tmp/saved </dev/null >>/tmp/lines 2>/tmp/log &
      pid=$!
    done
    wait_for $((have + 20)) /tmp/lines || { tail -n 40 /tmp/log /tmp/lines; kill $pid; return 1; }
    kill $pid
    wait $pid
    sed -n 's/\r//; s/^LINE //p' /tmp/lines | head -n -1 | awk '$1 != NR { print "  line " $1 " where " NR " belongs"; wrong = 1 } END { exit wrong }' || return 1
    grep -a 'WRONG\|stall\|BUG\|unstable' /tmp/lines && return 1
    say "  $cpus cpus: $(lines /tmp/lines) lines through $first $rest, $(stat -c %s /tmp/saved) bytes, of which $(du -k /tmp/saved | cut -f1) KiB on the disk"
  done
}
rate() {
  say "  with the JVM's quick compiler alone, as the launcher starts it:"
  qa 400 exits /opt/guests/exits /opt/guests/exits.bin "${exits:-20000}" 9
  say "  with both compilers:"
  tier=4 qa 400 exits /opt/guests/exits /opt/guests/exits.bin "${exits:-20000}" 7
}
soak() { qa $((60 + 30 * ${boots:-100})) soak /opt/guests/kernel-debian12 /opt/guests/hello.gz "${boots:-100}" kvm; }

boot() { # boot KERNEL CPUS
  local from status
  from=$(now)
  rm -f /tmp/stats
  limited 280 "$isola" boot --engine kvm --kernel "$1" --initrd /opt/guests/hello.gz --append "$append" --memory 512M \
    --cpus "$2" --stats /tmp/stats >/tmp/log 2>&1
  status=$?
  say "  isola $(basename "$1"), $2 cpus: status $status, $(grep -ac HELLO /tmp/log) greeting, guest's kernel" \
    "$(grep -ao '^\[ *[0-9.]*\] reboot: Power down' /tmp/log | tr -dc 0-9.) s, machine $(field /tmp/stats guestSeconds) s," \
    "JVM to kernel entry $(phase /tmp/stats 'kernel entry') ms, whole $(since "$from") s"
  [ "$status" = 0 ] && grep -aq HELLO /tmp/log && return
  tail -n 5 /tmp/log
  return 1
}

peer() { # peer KERNEL CPUS
  local from status
  from=$(now)
  limited 280 qemu-system-x86_64 -M q35 -accel kvm -cpu host -smp "$2" -m 512 -display none -no-reboot -nodefaults \
    -serial stdio -net none -kernel "$1" -initrd /opt/guests/hello.gz -append "$append" >/tmp/log 2>&1
  status=$?
  say "  qemu  $(basename "$1"), $2 cpus: status $status, $(grep -ac HELLO /tmp/log) greeting, guest's kernel" \
    "$(grep -ao '^\[ *[0-9.]*\] reboot: Power down' /tmp/log | tr -dc 0-9.) s, whole $(since "$from") s"
  grep -a 'Kernel panic' /tmp/log
  true
}

kernels() {
  local kernel cpus lost=0
  for kernel in /opt/guests/kernel-*; do
    for cpus in 1 2; do
      peer "$kernel" "$cpus"
      boot "$kernel" "$cpus" || lost=1
    done
  done
  return $lost
}

container() {
  local output status
  output=$(limited 280 "$isola" run --engine kvm debian:12 -- sh -c 'uname -sr; id -un; echo $((6*7)); exit 7' 2>/tmp/log)
  status=$?
  say "  status $status (7 is right), output: $(printf '%s' "$output" | tr '\n' '|')"
  [ $status = 7 ] && case $output in *root*42) true ;; *) false ;; esac && limited 280 "$isola" run --engine kvm debian -- id -u && return
  tail -n 5 /tmp/log
  return 1
}

in_a_row() {
  local i lost=0
  for i in 1 2 3; do boot /opt/guests/kernel-debian12 1 || lost=1; done
  return $lost
}

say "== inside: kernel $(uname -r), $(nproc) processors, JDK $(sed -n 's/^JAVA_VERSION=//p' /opt/jdk/release)"
step "the engine" start
step "tests of cpu/kvm" tests
step "guest programs on kvm" corpus
step "state between engines" relay
step "saved machines" saved
step "exit rate" rate
step "containers" container
step "kernels, QEMU's KVM mode and Isola in turn" kernels
step "whole boots in a row" in_a_row
step "boots in a row in one JVM" soak
say "== end: $failed steps failed"
echo o >/proc/sysrq-trigger
sleep 60
