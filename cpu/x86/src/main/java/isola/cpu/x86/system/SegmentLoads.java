package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;

/** Loads of segment registers, LDTR and TR (Intel SDM vol. 2: MOV, POP, LDS, LLDT, LTR). */
public final class SegmentLoads {
  /** Attributes that a load in real mode and in virtual-8086 mode gives. */
  private static final int DATA =
      Attribute.WRITABLE | Attribute.ACCESSED | Attribute.S | Attribute.P;

  /** Attributes of every segment in virtual-8086 mode. */
  static final int V86 = DATA | Attribute.DPL;

  private SegmentLoads() {}

  /**
   * Loads ES, SS, DS, FS or GS in the current mode.
   *
   * @param seg one of {@link Segment#ES} to {@link Segment#GS}, not CS
   */
  public static void load(Cpu cpu, int seg, int selector) {
    if (!cpu.protectedMode()) {
      loadReal(cpu, seg, selector);
    } else if (cpu.v86()) {
      loadV86(cpu, seg, selector);
    } else if (seg == Segment.SS) {
      loadStack(cpu, selector);
    } else {
      loadData(cpu, seg, selector);
    }
  }

  /**
   * Blocks interrupts, traps and NMIs until after the next instruction, as MOV SS and POP SS do
   * (Intel SDM vol. 3A 6.8.3).
   */
  public static void shadowStackLoad(Cpu cpu) {
    cpu.intField(CpuState.INTERRUPT_SHADOW, 2);
    cpu.attention(Attention.BOUNDARY);
  }

  /** Real mode: only selector and base change, so that limits of "unreal" mode stay. */
  static void loadReal(Cpu cpu, int seg, int selector) {
    int kept = cpu.attributes(seg) & (Attribute.G | Attribute.DB | Attribute.AVL);
    cpu.segment(seg, selector, kept | DATA, (long) selector << 4, cpu.limit(seg));
  }

  /** Virtual-8086 mode (Intel SDM vol. 3A 20.2.1). */
  static void loadV86(Cpu cpu, int seg, int selector) {
    cpu.segment(seg, selector, V86, (long) selector << 4, 0xffff);
  }

  private static void loadStack(Cpu cpu, int selector) {
    int rpl = selector & DescriptorSpec.RPL;
    if (DescriptorTables.isNull(selector)) {
      if (!cpu.is64() || cpu.cpl() == 3 || rpl != cpu.cpl()) {
        throw cpu.gp();
      }
      DescriptorTables.installNull(cpu, Segment.SS, selector);
      return;
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    if (rpl != cpu.cpl() || !Descriptor.writableData(d) || Descriptor.dpl(d) != cpu.cpl()) {
      throw DescriptorTables.gp(cpu, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.SS, selector);
    }
    d = DescriptorTables.access(cpu, address, d);
    DescriptorTables.install(cpu, Segment.SS, selector, d);
  }

  private static void loadData(Cpu cpu, int seg, int selector) {
    if (DescriptorTables.isNull(selector)) {
      DescriptorTables.installNull(cpu, seg, selector);
      return;
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    if (!Descriptor.readable(d)
        || !reachable(d, Math.max(selector & DescriptorSpec.RPL, cpu.cpl()))) {
      throw DescriptorTables.gp(cpu, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.NP, selector);
    }
    d = DescriptorTables.access(cpu, address, d);
    DescriptorTables.install(cpu, seg, selector, d);
  }

  /** Whether a data or code segment can be read at {@code privilege}: conforming code always. */
  static boolean reachable(long d, int privilege) {
    return (Descriptor.code(d) && Descriptor.conforming(d)) || Descriptor.dpl(d) >= privilege;
  }

  /** LLDT. */
  static void lldt(Cpu cpu, int selector) {
    requirePrivileged(cpu);
    if (DescriptorTables.isNull(selector)) {
      DescriptorTables.installNull(cpu, Segment.LDTR, selector);
      return;
    }
    loadLdt(cpu, selector, Vector.GP, Vector.NP);
  }

  /**
   * Loads LDTR with a selector that is not null.
   *
   * @param invalid vector for anything but a good LDT descriptor in the GDT
   * @param absent vector where it is not present
   */
  static void loadLdt(Cpu cpu, int selector, int invalid, int absent) {
    if ((selector & DescriptorSpec.TI) != 0) {
      throw DescriptorTables.fault(cpu, invalid, selector);
    }
    boolean wide = cpu.longModeActive();
    long address = DescriptorTables.address(cpu, selector, wide ? 16 : 8, invalid);
    long d = DescriptorTables.read(cpu, address);
    if (!Descriptor.system(d) || Descriptor.type(d) != DescriptorSpec.LDT) {
      throw DescriptorTables.fault(cpu, invalid, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, absent, selector);
    }
    installSystem(cpu, Segment.LDTR, selector, address, d, wide);
  }

  /** LTR. */
  static void ltr(Cpu cpu, int selector) {
    requirePrivileged(cpu);
    if (DescriptorTables.isNull(selector)) {
      throw cpu.gp();
    }
    if ((selector & DescriptorSpec.TI) != 0) {
      throw DescriptorTables.gp(cpu, selector);
    }
    boolean wide = cpu.longModeActive();
    long address = DescriptorTables.address(cpu, selector, wide ? 16 : 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    int type = Descriptor.type(d);
    boolean available =
        Descriptor.system(d)
            && (type == DescriptorSpec.TSS || (type == DescriptorSpec.TSS16 && !wide));
    if (!available) {
      throw DescriptorTables.gp(cpu, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.NP, selector);
    }
    long busy = d | (long) DescriptorSpec.BUSY << 40;
    if (wide) {
      highBase(cpu, selector, address);
    }
    DescriptorTables.setBusy(cpu, address);
    installSystem(cpu, Segment.TR, selector, address, busy, wide);
  }

  private static void installSystem(
      Cpu cpu, int seg, int selector, long address, long d, boolean wide) {
    long base = Descriptor.base(d);
    if (wide) {
      base |= highBase(cpu, selector, address);
    }
    cpu.segment(seg, selector, Descriptor.attributes(d), base, Descriptor.limit(d));
  }

  /** Bits 63:32 of a 16-byte descriptor's base, in place; a bad upper half is #GP(selector). */
  private static long highBase(Cpu cpu, int selector, long address) {
    long high = DescriptorTables.readHigh(cpu, address);
    long upper = high << 32;
    long base = upper | Descriptor.base(DescriptorTables.read(cpu, address));
    if ((high >>> 40 & 0x1f) != 0 || !Canonical.isBase(cpu, base)) {
      throw DescriptorTables.gp(cpu, selector);
    }
    return upper;
  }

  static void requirePrivileged(Cpu cpu) {
    if (cpu.cpl() != 0) {
      throw cpu.gp();
    }
  }
}
