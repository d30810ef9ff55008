package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.Cr4;

/** Canonical addresses (Intel SDM vol. 1, 3.3.7.1): sign-extended from bit 47, or 56 with LA57. */
final class Canonical {
  private Canonical() {}

  static boolean is(Cpu cpu, long linear) {
    int shift = (cpu.cr4() & Cr4.LA57) != 0 ? 7 : 16;
    return linear << shift >> shift == linear;
  }

  /**
   * Whether a segment or table base, or an address in an MSR or a TLB invalidation, is canonical:
   * of 57 bits on every processor that has five-level paging, whether it is on or not (vol. 1,
   * 3.3.7.1; KVM's is_noncanonical_base_address).
   */
  static boolean isBase(Cpu cpu, long linear) {
    return linear << 16 >> 16 == linear
        || (linear << 7 >> 7 == linear
            && (CpuidInstruction.features(cpu, CpuidSpec.STRUCTURED, 0).ecx() & CpuidSpec.LA57)
                != 0);
  }

  /** #GP(0) unless {@link #isBase}. */
  static void requireBase(Cpu cpu, long linear) {
    if (!isBase(cpu, linear)) {
      throw cpu.gp();
    }
  }

  /** #GP(0) unless canonical. */
  static void require(Cpu cpu, long linear) {
    if (!is(cpu, linear)) {
      throw cpu.gp();
    }
  }
}
