package isola.cpu.x86.system;

import static isola.cpu.x86.spec.XsaveSpec.*;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/**
 * FXSAVE, FXRSTOR and the XSAVE feature set (Intel SDM vol. 1, 10.5 and chapter 13; vol. 2). The
 * state keeps x87 and SSE registers in the same layout, so most of it is copying.
 */
final class ExtendedState {
  /** Abbreviates FCS and FDS, which are deprecated and read as zero. */
  private static final int FCW_VALID = 0x1f7f;

  private static final int FCW_ALWAYS = 0x40;
  private static final int FSW_EXCEPTIONS = 0x3f;
  private static final int FSW_SUMMARY = 1 << 7 | 1 << 15;
  private static final int FOP_VALID = 0x7ff;

  private final Cpu cpu;
  private final int segment;
  private final long base;
  private final boolean wide;

  private ExtendedState(Cpu cpu, Insn insn) {
    this.cpu = cpu;
    segment = insn.segment;
    base = cpu.effective(insn);
    wide = insn.operandSize == 8;
  }

  // Sizes, which CPUID tells.

  static int standardSize(long components) {
    if ((components & PKRU) != 0) {
      return PKRU_OFFSET + PKRU_SIZE;
    }
    return (components & AVX) != 0 ? AVX_OFFSET + AVX_SIZE : EXTENDED;
  }

  static int compactedSize(long components) {
    return EXTENDED
        + ((components & AVX) != 0 ? AVX_SIZE : 0)
        + ((components & PKRU) != 0 ? PKRU_SIZE : 0);
  }

  // The instructions.

  static void fxsave(Cpu cpu, Insn insn) {
    requireFpu(cpu);
    ExtendedState area = new ExtendedState(cpu, insn);
    area.requireAligned(16);
    cpu.checkStore(area.segment, area.base, LEGACY_SIZE);
    area.storeX87();
    area.put(MXCSR, 4, cpu.intField(CpuState.MXCSR));
    area.put(MXCSR_MASK, 4, MXCSR_VALID);
    area.storeXmm();
  }

  static void fxrstor(Cpu cpu, Insn insn) {
    requireFpu(cpu);
    ExtendedState area = new ExtendedState(cpu, insn);
    area.requireAligned(16);
    cpu.checkLoad(area.segment, area.base, LEGACY_SIZE);
    int mxcsr = area.mxcsr();
    area.loadX87();
    cpu.intField(CpuState.MXCSR, mxcsr);
    area.loadXmm();
  }

  private static void requireFpu(Cpu cpu) {
    if ((cpu.cr0() & Cr0.EM) != 0) {
      throw cpu.ud();
    }
    if ((cpu.cr0() & Cr0.TS) != 0) {
      throw cpu.fault(Vector.NM);
    }
  }

  private static void requireXsave(Cpu cpu) {
    if ((cpu.cr4() & Cr4.OSXSAVE) == 0) {
      throw cpu.ud();
    }
  }

  private static void requireEnabled(Cpu cpu) {
    requireXsave(cpu);
    if ((cpu.cr0() & Cr0.TS) != 0) {
      throw cpu.fault(Vector.NM);
    }
  }

  /** IA32_XSS exists where XSAVES does. */
  static void requireSupervisorStates(Cpu cpu) {
    int eax = CpuidInstruction.features(cpu, CpuidSpec.XSTATE, 1).eax();
    if ((eax & CpuidSpec.XSAVES) == 0) {
      throw cpu.gp();
    }
  }

  private static long requested(Cpu cpu) {
    return (cpu.gpr(0) & 0xffff_ffffL) | cpu.gpr(2) << 32;
  }

  /** XSAVE and XSAVEOPT, which leaves out components in their initial state. */
  static void xsave(Cpu cpu, Insn insn, boolean optimized) {
    requireEnabled(cpu);
    ExtendedState area = new ExtendedState(cpu, insn);
    area.requireAligned(64);
    long wanted = cpu.field(CpuState.XCR0) & requested(cpu);
    cpu.checkStore(area.segment, area.base, standardSize(wanted));
    long used = inUse(cpu);
    long previous = area.get(XSTATE_BV, 8);
    long written = optimized ? wanted & used : wanted;
    if ((written & X87) != 0) {
      area.storeX87();
    }
    if ((wanted & (SSE | AVX)) != 0) {
      area.put(MXCSR, 4, cpu.intField(CpuState.MXCSR));
      area.put(MXCSR_MASK, 4, MXCSR_VALID);
    }
    if ((written & SSE) != 0) {
      area.storeXmm();
    }
    if ((written & AVX) != 0) {
      area.copyOut(CpuState.YMM_HIGH, AVX_OFFSET, area.vectorBytes());
    }
    if ((written & PKRU) != 0) {
      area.put(PKRU_OFFSET, 8, cpu.intField(CpuState.PKRU) & 0xffff_ffffL);
    }
    area.put(XSTATE_BV, 8, (previous & ~wanted) | (used & wanted));
  }

  /** XSAVEC and, for the supervisor, XSAVES: the compacted format. */
  static void xsavec(Cpu cpu, Insn insn, boolean supervisor) {
    requireEnabled(cpu);
    if (supervisor) {
      SegmentLoads.requirePrivileged(cpu);
    }
    ExtendedState area = new ExtendedState(cpu, insn);
    area.requireAligned(64);
    long wanted = components(cpu, supervisor) & requested(cpu);
    cpu.checkStore(area.segment, area.base, compactedSize(wanted));
    long used = inUse(cpu);
    if (cpu.intField(CpuState.MXCSR) != MXCSR_INIT) {
      used |= SSE;
    }
    long written = wanted & used;
    if ((written & X87) != 0) {
      area.storeX87();
    }
    if ((written & SSE) != 0) {
      area.put(MXCSR, 4, cpu.intField(CpuState.MXCSR));
      area.put(MXCSR_MASK, 4, MXCSR_VALID);
      area.storeXmm();
    }
    int at = EXTENDED;
    if ((wanted & AVX) != 0) {
      if ((written & AVX) != 0) {
        area.copyOut(CpuState.YMM_HIGH, at, area.vectorBytes());
      }
      at += AVX_SIZE;
    }
    if ((written & PKRU) != 0) {
      area.put(at, 8, cpu.intField(CpuState.PKRU) & 0xffff_ffffL);
    }
    area.put(XSTATE_BV, 8, written);
    area.put(XCOMP_BV, 8, COMPACTED | wanted);
  }

  /** XRSTOR and, for the supervisor, XRSTORS, which takes the compacted format alone. */
  static void xrstor(Cpu cpu, Insn insn, boolean supervisor) {
    requireEnabled(cpu);
    if (supervisor) {
      SegmentLoads.requirePrivileged(cpu);
    }
    ExtendedState area = new ExtendedState(cpu, insn);
    area.requireAligned(64);
    long enabled = components(cpu, supervisor);
    long wanted = enabled & requested(cpu);
    cpu.checkLoad(area.segment, area.base, EXTENDED);
    long present = area.get(XSTATE_BV, 8);
    long layout = area.get(XCOMP_BV, 8);
    boolean compacted = (layout & COMPACTED) != 0;
    area.checkHeader(enabled, present, layout, compacted, supervisor);
    int size = compacted ? compactedSize(layout & ~COMPACTED) : standardSize(wanted & present);
    cpu.checkLoad(area.segment, area.base, size);
    long loaded = wanted & present;
    boolean takesMxcsr = compacted ? (loaded & SSE) != 0 : (wanted & (SSE | AVX)) != 0;
    int mxcsr = takesMxcsr ? area.mxcsr() : MXCSR_INIT;
    if (takesMxcsr || (wanted & SSE) != 0) {
      cpu.intField(CpuState.MXCSR, mxcsr);
    }
    if ((loaded & X87) != 0) {
      area.loadX87();
    } else if ((wanted & X87) != 0) {
      PowerOn.initializeX87(cpu);
    }
    if ((loaded & SSE) != 0) {
      area.loadXmm();
    } else if ((wanted & SSE) != 0) {
      area.clear(CpuState.XMM, area.vectorBytes());
    }
    int at = compacted ? EXTENDED : AVX_OFFSET;
    if ((loaded & AVX) != 0) {
      area.copyIn(at, CpuState.YMM_HIGH, area.vectorBytes());
    } else if ((wanted & AVX) != 0) {
      area.clear(CpuState.YMM_HIGH, area.vectorBytes());
    }
    if ((wanted & PKRU) != 0) {
      int keys = compacted ? EXTENDED + ((layout & AVX) != 0 ? AVX_SIZE : 0) : PKRU_OFFSET;
      setPkru(cpu, (loaded & PKRU) != 0 ? (int) area.get(keys, 4) : 0);
    }
  }

  private void checkHeader(
      long enabled, long present, long layout, boolean compacted, boolean supervisor) {
    boolean bad;
    if (compacted) {
      long listed = layout & ~COMPACTED;
      bad = (listed & ~enabled) != 0 || (present & ~listed) != 0;
    } else {
      bad = supervisor || layout != 0 || (present & ~enabled) != 0;
    }
    int reserved = compacted ? XCOMP_BV + 8 : XCOMP_BV;
    int end = compacted ? EXTENDED : XCOMP_BV + 16;
    for (int at = reserved; at < end; at += 8) {
      bad |= get(at, 8) != 0;
    }
    if (bad) {
      throw cpu.gp();
    }
  }

  private static long components(Cpu cpu, boolean supervisor) {
    long user = cpu.field(CpuState.XCR0);
    return supervisor ? user | cpu.field(CpuState.XSS) : user;
  }

  static void xgetbv(Cpu cpu) {
    requireXsave(cpu);
    long value =
        switch ((int) cpu.gpr(1)) {
          case 0 -> cpu.field(CpuState.XCR0);
          case 1 -> cpu.field(CpuState.XCR0) & inUse(cpu);
          default -> throw cpu.gp();
        };
    cpu.gpr(0, value & 0xffff_ffffL);
    cpu.gpr(2, value >>> 32);
  }

  static void xsetbv(Cpu cpu) {
    requireXsave(cpu);
    SegmentLoads.requirePrivileged(cpu);
    long value = requested(cpu);
    long supported = CpuidInstruction.features(cpu, CpuidSpec.XSTATE, 0).eax() & 0xffff_ffffL;
    boolean avxAlone = (value & (AVX | SSE)) == AVX;
    if ((int) cpu.gpr(1) != 0 || (value & ~supported) != 0 || (value & X87) == 0 || avxAlone) {
      throw cpu.gp();
    }
    cpu.field(CpuState.XCR0, value);
  }

  static void rdpkru(Cpu cpu) {
    requirePke(cpu);
    cpu.gpr(0, cpu.intField(CpuState.PKRU) & 0xffff_ffffL);
    cpu.gpr(2, 0);
  }

  static void wrpkru(Cpu cpu) {
    requirePke(cpu);
    if ((int) cpu.gpr(2) != 0) {
      throw cpu.gp();
    }
    setPkru(cpu, (int) cpu.gpr(0));
  }

  private static void requirePke(Cpu cpu) {
    if ((cpu.cr4() & Cr4.PKE) == 0) {
      throw cpu.ud();
    }
    if ((int) cpu.gpr(1) != 0) {
      throw cpu.gp();
    }
  }

  private static void setPkru(Cpu cpu, int value) {
    if (cpu.intField(CpuState.PKRU) != value) {
      cpu.intField(CpuState.PKRU, value);
      // Cached translations hold the rights as the old value had them.
      cpu.flushTlb(true);
      cpu.modeChanged();
    }
  }

  // Components in and out.

  /** XINUSE: components that are not in their initial state. */
  private static long inUse(Cpu cpu) {
    long used = 0;
    boolean control =
        (cpu.intField(CpuState.FCW) & 0xffff) == FCW_INIT
            && cpu.intField(CpuState.FCW) >>> 16 == 0
            && (cpu.intField(CpuState.FTW) & 0xffff_00ff) == 0
            && cpu.field(CpuState.FIP) == 0
            && cpu.field(CpuState.FDP) == 0;
    if (!control || !zero(cpu, CpuState.ST, ST_BYTES)) {
      used |= X87;
    }
    if (!zero(cpu, CpuState.XMM, XMM_BYTES)) {
      used |= SSE;
    }
    if (!zero(cpu, CpuState.YMM_HIGH, AVX_SIZE)) {
      used |= AVX;
    }
    if (cpu.intField(CpuState.PKRU) != 0) {
      used |= PKRU;
    }
    return used;
  }

  private static boolean zero(Cpu cpu, int offset, int bytes) {
    for (int i = 0; i < bytes; i += 8) {
      if (cpu.field(offset + i) != 0) {
        return false;
      }
    }
    return true;
  }

  private void requireAligned(int alignment) {
    // What must be aligned is the linear address (vol. 2, exceptions of the instructions).
    if ((cpu.linear(segment, base, 1, false) & alignment - 1) != 0) {
      throw cpu.gp();
    }
  }

  private long get(int at, int size) {
    return cpu.load(segment, base + at, size);
  }

  private void put(int at, int size, long value) {
    cpu.store(segment, base + at, size, value);
  }

  private int mxcsr() {
    int value = (int) get(MXCSR, 4);
    if ((value & ~MXCSR_VALID) != 0) {
      throw cpu.gp();
    }
    return value;
  }

  private void storeX87() {
    put(FCW, 8, cpu.field(CpuState.FCW) & 0xffff_00ff_ffff_ffffL);
    // In the form without REX.W the upper halves are FCS and FDS: zero.
    put(FIP, 8, wide ? cpu.field(CpuState.FIP) : cpu.field(CpuState.FIP) & 0xffff_ffffL);
    put(FDP, 8, wide ? cpu.field(CpuState.FDP) : cpu.field(CpuState.FDP) & 0xffff_ffffL);
    copyOut(CpuState.ST, ST, ST_BYTES);
  }

  private void loadX87() {
    long words = get(FCW, 8);
    int control = ((int) words & FCW_VALID) | FCW_ALWAYS;
    int status = (int) (words >>> 16) & 0xffff & ~FSW_SUMMARY;
    if ((status & ~control & FSW_EXCEPTIONS) != 0) {
      status |= FSW_SUMMARY;
    }
    long tags = words >>> 32 & 0xff;
    long opcode = words >>> 48 & FOP_VALID;
    cpu.field(CpuState.FCW, opcode << 48 | tags << 32 | (long) status << 16 | control);
    cpu.field(CpuState.FIP, wide ? get(FIP, 8) : get(FIP, 4));
    cpu.field(CpuState.FDP, wide ? get(FDP, 8) : get(FDP, 4));
    for (int i = 0; i < ST_BYTES; i += 16) {
      cpu.field(CpuState.ST + i, get(ST + i, 8));
      cpu.field(CpuState.ST + i + 8, get(ST + i + 8, 2));
    }
  }

  /** Bytes of the vector registers that this mode can name. */
  private int vectorBytes() {
    return cpu.is64() ? XMM_BYTES : XMM_BYTES / 2;
  }

  private void storeXmm() {
    copyOut(CpuState.XMM, XMM, vectorBytes());
  }

  private void loadXmm() {
    copyIn(XMM, CpuState.XMM, vectorBytes());
  }

  private void copyOut(int from, int at, int bytes) {
    long linear = cpu.linear(segment, base + at, bytes, true);
    long host = (linear & 4095) + bytes <= 4096 ? cpu.writableHost(linear) : 0;
    if (host != 0) {
      RawMemory.copy(cpu.state + from, host, bytes);
      return;
    }
    for (int i = 0; i < bytes; i += 8) {
      put(at + i, 8, cpu.field(from + i));
    }
  }

  private void copyIn(int at, int to, int bytes) {
    long linear = cpu.linear(segment, base + at, bytes, false);
    long host = (linear & 4095) + bytes <= 4096 ? cpu.readableHost(linear) : 0;
    if (host != 0) {
      RawMemory.copy(host, cpu.state + to, bytes);
      return;
    }
    for (int i = 0; i < bytes; i += 8) {
      cpu.field(to + i, get(at + i, 8));
    }
  }

  private void clear(int offset, int bytes) {
    for (int i = 0; i < bytes; i += 8) {
      RawMemory.putLong(cpu.state + offset + i, 0);
    }
  }
}
