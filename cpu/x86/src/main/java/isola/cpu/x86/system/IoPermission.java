package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.TssSpec;

/** Who may touch which port (Intel SDM vol. 1, 19.5). */
public final class IoPermission {
  private IoPermission() {}

  /**
   * #GP(0) unless the program may access {@code size} bytes at a port, by IOPL or the TSS's map.
   */
  public static void check(Cpu cpu, int port, int size) {
    if (!cpu.protectedMode()) {
      return;
    }
    int iopl = (cpu.systemFlags() & Rflags.IOPL) >> Rflags.IOPL_SHIFT;
    if (cpu.cpl() <= iopl && !cpu.v86()) {
      return;
    }
    boolean tss32 = (cpu.attributes(Segment.TR) & DescriptorSpec.TYPE_32) != 0;
    long limit = cpu.limit(Segment.TR);
    if (!tss32 || limit < TssSpec.IO_MAP_BASE + 1) {
      throw cpu.gp();
    }
    long base = cpu.base(Segment.TR);
    long map = cpu.loadLinear(DescriptorTables.wrap(cpu, base + TssSpec.IO_MAP_BASE), 2, true);
    // Two bytes are always read, so that an access may straddle them.
    long at = map + port / 8;
    if (at + 1 > limit) {
      throw cpu.gp();
    }
    long bits = cpu.loadLinear(DescriptorTables.wrap(cpu, base + at), 2, true);
    if ((bits >>> port % 8 & (1 << size) - 1) != 0) {
      throw cpu.gp();
    }
  }
}
