#!/bin/bash
# What ./dev kvm-rig runs inside its machine, as the first process. Prints figures on the console and switches off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=dumb
mount -t tmpfs tmpfs /tmp && mkdir -p /dev/pts && mount -t devpts devpts /dev/pts

say() { printf '%s\n' "== $*"; }
now() { cut -d' ' -f1 /proc/uptime; }
isola() {
  /opt/jdk/bin/java -XX:+UseSerialGC -Xmx192m -XX:-UsePerfData --enable-native-access=isola.host \
    --module-path /opt/isola/lib --add-modules isola.host --module isola.cli/isola.cli.Main "$@" </dev/null
}

# field FILE NAME: a number of the figures that --stats writes.
field() { sed -n "s/^ *\"$2\" : \([0-9.]*\),*$/\1/p" "$1" | head -n 1; }

append='console=ttyS0 quiet reboot=t panic=-1'

boot() { # boot LABEL KERNEL CPUS
  local from status
  from=$(now)
  isola boot --engine kvm --kernel "$2" --initrd /opt/guests/hello.gz --append "$append" --memory 512M --cpus "$3" \
    --timeout 280s --stats /tmp/stats >/tmp/log 2>&1
  status=$?
  say "isola $1, $3 cpus: status $status, $(grep -c HELLO /tmp/log) greeting, guest $(field /tmp/stats guestSeconds) s, whole $(awk "BEGIN{print $(now)-$from}") s"
  [ "$status" = 0 ] || tail -n 5 /tmp/log
}

peer() { # peer LABEL KERNEL CPUS
  local from
  from=$(now)
  timeout 280 qemu-system-x86_64 -M q35 -accel kvm -cpu host -smp "$3" -m 512 -display none -no-reboot -nodefaults \
    -serial stdio -net none -kernel "$2" -initrd /opt/guests/hello.gz -append "$append" </dev/null >/tmp/log 2>&1
  say "qemu $1, $3 cpus: status $?, $(grep -c HELLO /tmp/log) greeting, whole $(awk "BEGIN{print $(now)-$from}") s"
  grep -a 'Kernel panic' /tmp/log
}

say "kernel $(uname -r), $(nproc) cpus, $(ls /dev/kvm)"
say "auto: $(isola boot --verbose --kernel /opt/guests/exits.bin --debug-exit --memory 32M --serial none 2>&1 | head -n 2 | tr '\n' ' ')"
for round in 1 2 3; do
  say "exits, C: $(/opt/guests/exits 200000)"
  isola boot --engine kvm --kernel /opt/guests/exits.bin --debug-exit --memory 32M --serial none --stats /tmp/stats
  say "exits, isola: $(field /tmp/stats PORT_OUT) in $(field /tmp/stats guestSeconds) s, \
$(awk "BEGIN{printf \"%.0f\", $(field /tmp/stats PORT_OUT)/$(field /tmp/stats guestSeconds)}") a second"
done
for kernel in /opt/guests/vmlinuz-*; do
  for cpus in 1 2; do
    peer "$(basename "$kernel")" "$kernel" "$cpus"
    boot "$(basename "$kernel")" "$kernel" "$cpus"
  done
done
lost=0
boots=${RIG_BOOTS:-$(sed -n 's/.*rig.boots=\([0-9]*\).*/\1/p' /proc/cmdline)}
for i in $(seq 1 "${boots:-10}"); do
  isola boot --engine kvm --kernel "$(ls /opt/guests/vmlinuz-* | head -n 1)" --initrd /opt/guests/hello.gz \
    --append "$append" --memory 256M --timeout 280s >/tmp/log 2>&1 && grep -q HELLO /tmp/log || { lost=$((lost + 1)); tail -n 5 /tmp/log; }
done
say "soak: ${boots:-10} boots, $lost lost"
say end
echo o >/proc/sysrq-trigger
sleep 60
