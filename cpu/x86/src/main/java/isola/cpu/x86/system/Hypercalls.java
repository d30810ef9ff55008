package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.CpuidSpec;

/**
 * VMCALL and VMMCALL for a guest that was shown KVM's signature (Linux
 * Documentation/virt/kvm/x86/hypercalls.rst): its kernel's calls go to the machine. Without the
 * signature the instructions do not exist.
 */
final class Hypercalls {
  private static final long EPERM = 1;

  private Hypercalls() {}

  static void call(Cpu cpu) {
    int signature = CpuidInstruction.features(cpu, CpuidSpec.HYPERVISOR, 0).ebx();
    if (signature != CpuidSpec.KVM_SIGNATURE || !cpu.protectedMode()) {
      throw cpu.ud();
    }
    boolean wide = cpu.is64();
    long mask = wide ? -1 : 0xffff_ffffL;
    long result = -EPERM;
    if (cpu.cpl() == 0) {
      result =
          cpu.wiring
              .hypercalls()
              .call(
                  cpu.gpr(0) & mask,
                  cpu.gpr(3) & mask,
                  cpu.gpr(1) & mask,
                  cpu.gpr(2) & mask,
                  cpu.gpr(6) & mask,
                  wide);
    }
    cpu.gpr(0, result & mask);
  }
}
