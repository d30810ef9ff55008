package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;

/** Checks and loads of CS that far transfers share (Intel SDM vol. 3A 5.8). */
final class CodeSegment {
  private CodeSegment() {}

  /** #GP(selector) for L and D together in IA-32e mode. */
  static void checkWidth(Cpu cpu, int selector, long d) {
    if (cpu.longModeActive() && Descriptor.longCode(d) && Descriptor.big(d)) {
      throw DescriptorTables.gp(cpu, selector);
    }
  }

  /** #NP(selector) unless present. */
  static void checkPresent(Cpu cpu, int selector, long d) {
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.NP, selector);
    }
  }

  /** #GP(0) unless the offset can be executed: canonical in 64-bit code, else within the limit. */
  static void checkOffset(Cpu cpu, long d, long offset) {
    if (cpu.longModeActive() && Descriptor.longCode(d)) {
      Canonical.require(cpu, offset);
    } else if (Long.compareUnsigned(offset, Descriptor.limit(d)) > 0) {
      throw cpu.gp();
    }
  }

  /** Loads CS with this privilege level in its selector; the descriptor's accessed bit is set. */
  static void load(Cpu cpu, int selector, long d, int privilege) {
    DescriptorTables.install(cpu, Segment.CS, selector & ~DescriptorSpec.RPL | privilege, d);
    if (privilege != cpu.cpl()) {
      cpu.cpl(privilege);
    }
    cpu.modeChanged();
  }

  /** Loads CS in real mode: type becomes data that can be written, limit and D stay. */
  static void loadReal(Cpu cpu, int selector) {
    SegmentLoads.loadReal(cpu, Segment.CS, selector);
    cpu.modeChanged();
  }

  static void loadV86(Cpu cpu, int selector) {
    SegmentLoads.loadV86(cpu, Segment.CS, selector);
    cpu.modeChanged();
  }

  /**
   * Drops from DS, ES, FS and GS what the outer level {@code privilege} may not read (RET and IRET
   * to an outer level).
   */
  static void dropInner(Cpu cpu, int privilege) {
    for (int seg = Segment.ES; seg <= Segment.GS; seg++) {
      // A null selector keeps the base that an MSR or WRFSBASE gave it.
      if (seg == Segment.CS || seg == Segment.SS || DescriptorTables.isNull(cpu.selector(seg))) {
        continue;
      }
      int attributes = cpu.attributes(seg);
      boolean conformingCode =
          (attributes & (Attribute.CODE | Attribute.CONFORMING))
              == (Attribute.CODE | Attribute.CONFORMING);
      int dpl = (attributes & Attribute.DPL) >> Attribute.DPL_SHIFT;
      if (!conformingCode && dpl < privilege) {
        // The base stays too: only a load of a null selector clears it.
        cpu.segment(seg, 0, Attribute.UNUSABLE, cpu.base(seg), cpu.limit(seg));
      }
    }
  }
}
