/** The KVM engine: guest code on the host's own processor, through Linux's {@code /dev/kvm}. */
module isola.cpu.kvm {
  requires transitive isola.core;
  requires isola.cpu.x86;
  requires isola.host;
  requires jdk.jfr;
  requires static transitive org.jspecify;

  provides isola.core.cpu.CpuEngine with
      isola.cpu.kvm.KvmEngine;
}
