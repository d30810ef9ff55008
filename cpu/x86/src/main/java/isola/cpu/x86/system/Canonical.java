package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Cr4;

/** Canonical addresses (Intel SDM vol. 1, 3.3.7.1): sign-extended from bit 47, or 56 with LA57. */
final class Canonical {
  private Canonical() {}

  static boolean is(Cpu cpu, long linear) {
    int shift = (cpu.cr4() & Cr4.LA57) != 0 ? 7 : 16;
    return linear << shift >> shift == linear;
  }

  /** #GP(0) unless canonical. */
  static void require(Cpu cpu, long linear) {
    if (!is(cpu, linear)) {
      throw cpu.gp();
    }
  }
}
