package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.CpuidSpec;

/**
 * VMCALL and VMMCALL for a guest that was shown KVM's signature (Linux
 * Documentation/virt/kvm/x86/hypercalls.rst). No hypercall is offered, so each answers that it does
 * not exist; without the signature the instructions do not exist either.
 */
final class Hypercalls {
  private static final long EPERM = 1;
  private static final long ENOSYS = 1000;

  private Hypercalls() {}

  static void call(Cpu cpu) {
    int signature = CpuidInstruction.features(cpu, CpuidSpec.HYPERVISOR, 0).ebx();
    if (signature != CpuidSpec.KVM_SIGNATURE || !cpu.protectedMode()) {
      throw cpu.ud();
    }
    long result = cpu.cpl() != 0 ? -EPERM : -ENOSYS;
    cpu.gpr(0, cpu.is64() ? result : result & 0xffff_ffffL);
  }
}
