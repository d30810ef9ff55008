package isola.cpu.kvm;

import isola.core.memory.RawMemory;
import isola.core.time.Clock;
import isola.cpu.kvm.abi.KvmDebugregs;
import isola.cpu.kvm.abi.KvmDtable;
import isola.cpu.kvm.abi.KvmMsrEntry;
import isola.cpu.kvm.abi.KvmMsrs;
import isola.cpu.kvm.abi.KvmRegs;
import isola.cpu.kvm.abi.KvmSegment;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmSregs;
import isola.cpu.kvm.abi.KvmSregs2;
import isola.cpu.kvm.abi.KvmVcpuEvents;
import isola.cpu.kvm.abi.KvmXcr;
import isola.cpu.kvm.abi.KvmXcrs;
import isola.cpu.kvm.abi.KvmXsave;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.BegunEvent;
import isola.cpu.x86.state.CpuState;

/**
 * Moves a processor's state between KVM and the layout that all engines share ({@link CpuState}).
 * The processor's owner, or any thread while it is stopped.
 */
final class StateTransfer implements AutoCloseable {
  /** Order of KVM's general registers in the state's encoding order. */
  private static final int[] GPR = {
    KvmRegs.RAX, KvmRegs.RCX, KvmRegs.RDX, KvmRegs.RBX, KvmRegs.RSP, KvmRegs.RBP, KvmRegs.RSI,
    KvmRegs.RDI, KvmRegs.R8, KvmRegs.R9, KvmRegs.R10, KvmRegs.R11, KvmRegs.R12, KvmRegs.R13,
    KvmRegs.R14, KvmRegs.R15
  };

  /** KVM's segment registers in the state's order. */
  private static final int[] SEGMENTS = {
    KvmSregs.ES,
    KvmSregs.CS,
    KvmSregs.SS,
    KvmSregs.DS,
    KvmSregs.FS,
    KvmSregs.GS,
    KvmSregs.LDT,
    KvmSregs.TR
  };

  /** MSRs that are fields of the state, and the fields. */
  private static final int[] MSRS = new int[64];

  private static final int[] FIELDS = new int[64];
  private static final int MSR_COUNT;

  static {
    int[] single = {
      MsrSpec.STAR, CpuState.STAR,
      MsrSpec.LSTAR, CpuState.LSTAR,
      MsrSpec.CSTAR, CpuState.CSTAR,
      MsrSpec.FMASK, CpuState.SFMASK,
      MsrSpec.KERNEL_GS_BASE, CpuState.KERNEL_GS_BASE,
      MsrSpec.SYSENTER_CS, CpuState.SYSENTER_CS,
      MsrSpec.SYSENTER_ESP, CpuState.SYSENTER_ESP,
      MsrSpec.SYSENTER_EIP, CpuState.SYSENTER_EIP,
      MsrSpec.TSC_AUX, CpuState.TSC_AUX,
      MsrSpec.PAT, CpuState.PAT,
      MsrSpec.MISC_ENABLE, CpuState.MISC_ENABLE,
      MsrSpec.DEBUGCTL, CpuState.DEBUGCTL,
      MsrSpec.TSC_ADJUST, CpuState.TSC_ADJUST,
      MsrSpec.XSS, CpuState.XSS,
      MsrSpec.MTRR_DEF_TYPE, CpuState.MTRR_DEF_TYPE,
      MsrSpec.MTRR_FIX64K_00000, CpuState.MTRR + 16 * MsrSpec.MTRR_VARIABLE,
      MsrSpec.MTRR_FIX16K_80000, CpuState.MTRR + 16 * MsrSpec.MTRR_VARIABLE + 8,
      MsrSpec.MTRR_FIX16K_A0000, CpuState.MTRR + 16 * MsrSpec.MTRR_VARIABLE + 16
    };
    int count = 0;
    for (int i = 0; i < single.length; i += 2) {
      MSRS[count] = single[i];
      FIELDS[count++] = single[i + 1];
    }
    for (int i = 0; i < 2 * MsrSpec.MTRR_VARIABLE; i++) {
      MSRS[count] = MsrSpec.MTRR_PHYSBASE0 + i;
      FIELDS[count++] = CpuState.MTRR + 8 * i;
    }
    for (int i = 0; i <= MsrSpec.MTRR_FIX4K_F8000 - MsrSpec.MTRR_FIX4K_C0000; i++) {
      MSRS[count] = MsrSpec.MTRR_FIX4K_C0000 + i;
      FIELDS[count++] = CpuState.MTRR + 16 * MsrSpec.MTRR_VARIABLE + 24 + 8 * i;
    }
    MSR_COUNT = count;
  }

  // Linux Documentation/virt/kvm/x86/msr.rst.
  private static final int MSR_KVM_WALL_CLOCK_NEW = 0x4b56_4d00;
  private static final int MSR_KVM_SYSTEM_TIME_NEW = 0x4b56_4d01;

  private static final int XSAVE_BYTES = XsaveSpec.AVX_OFFSET + XsaveSpec.AVX_SIZE;
  private static final int SHADOW_STI = 1;
  private static final int SHADOW_MOV_SS = 2;
  private static final long NANOS = 1_000_000_000L;
  private static final int LOOKS = 3;

  private final KvmVcpu vcpu;
  private final long state;
  private final Clock clock;
  private final long tscHz;
  private final int hostStates;
  private final int hostPkru;
  private final Buffer buffer;

  /** Bytes of KVM's XSAVE area: {@link KvmXsave#SIZE}, or more where KVM_GET_XSAVE2 is needed. */
  private final int xsaveBytes;

  /** Whether KVM tells the registers of PAE paging: {@link KvmSregs2} instead of the older. */
  private final boolean sregs2;

  /** The way of the 8259As' vectors into the processor. */
  private final GivenVector given;

  /** Values of {@link #MSRS} as KVM last had them. */
  private final long[] known = new long[MSR_COUNT];

  /** The TSC's offset as it was when the state was last pulled or pushed. */
  private long knownTscOffset;

  StateTransfer(
      KvmVcpu vcpu, long state, Clock clock, long tscHz, GuestCpuid cpuid, KvmMachine.Kept kept) {
    this.vcpu = vcpu;
    int xsaveBytes = kept.xsaveBytes();
    sregs2 = kept.sregs2();
    given = new GivenVector(vcpu);
    this.xsaveBytes = Math.max(xsaveBytes, KvmXsave.SIZE);
    buffer = new Buffer(this.xsaveBytes);
    this.state = state;
    this.clock = clock;
    this.tscHz = tscHz;
    hostStates = cpuid.hostStates();
    hostPkru = cpuid.hostPkruOffset();
  }

  /** Takes what the 8259As give. */
  GivenVector given() {
    return given;
  }

  // From KVM.

  /** Brings the state up to date. */
  void pull() {
    pullRegisters();
    pullSystem();
    pullExtended();
    pullDebug();
    pullMsrs();
    pullEvents();
    vcpu.require("KVM_GET_LAPIC", KvmSpec.KVM_GET_LAPIC, state + CpuState.LOCAL_APIC);
    field(CpuState.TSC_DEADLINE, read(MsrSpec.TSC_DEADLINE, 0));
    field(CpuState.KVM_WALL_CLOCK, read(MSR_KVM_WALL_CLOCK_NEW, 0));
    field(CpuState.KVM_SYSTEM_TIME, read(MSR_KVM_SYSTEM_TIME_NEW, 0));
  }

  private void pullRegisters() {
    long at = buffer.cleared(KvmRegs.SIZE);
    vcpu.require("KVM_GET_REGS", KvmSpec.KVM_GET_REGS, at);
    for (int r = 0; r < GPR.length; r++) {
      field(CpuState.GPR + 8 * r, RawMemory.getLong(at + GPR[r]));
    }
    field(CpuState.RIP, RawMemory.getLong(at + KvmRegs.RIP));
    field(CpuState.RFLAGS, RawMemory.getLong(at + KvmRegs.RFLAGS));
  }

  private void pullSystem() {
    long at = sregs();
    for (int i = 0; i < SEGMENTS.length; i++) {
      pullSegment(at + SEGMENTS[i], state + CpuState.SEGMENTS + (long) i * CpuState.SEGMENT_SIZE);
    }
    field(CpuState.GDTR_BASE, RawMemory.getLong(at + KvmSregs.GDT + KvmDtable.BASE));
    field(CpuState.GDTR_LIMIT, unsignedShort(at + KvmSregs.GDT + KvmDtable.LIMIT));
    field(CpuState.IDTR_BASE, RawMemory.getLong(at + KvmSregs.IDT + KvmDtable.BASE));
    field(CpuState.IDTR_LIMIT, unsignedShort(at + KvmSregs.IDT + KvmDtable.LIMIT));
    field(CpuState.CR0, RawMemory.getLong(at + KvmSregs.CR0));
    field(CpuState.CR2, RawMemory.getLong(at + KvmSregs.CR2));
    field(CpuState.CR3, RawMemory.getLong(at + KvmSregs.CR3));
    field(CpuState.CR4, RawMemory.getLong(at + KvmSregs.CR4));
    field(CpuState.EFER, RawMemory.getLong(at + KvmSregs.EFER));
    field(CpuState.APIC_BASE, RawMemory.getLong(at + KvmSregs.APIC_BASE));
    intField(CpuState.CPL, privilege(at));
    boolean tables =
        sregs2
            && (RawMemory.getLong(at + KvmSregs2.FLAGS) & KvmSpec.KVM_SREGS2_FLAGS_PDPTRS_VALID)
                != 0;
    field(CpuState.PDPTE_CR3, tables ? pdpteKey() : 0);
    if (tables) {
      RawMemory.copy(at + KvmSregs2.PDPTRS, state + CpuState.PDPTE, 4 * 8);
    }
  }

  /** The system registers as KVM has them; what is not in the state stays so. */
  private long sregs() {
    long at = buffer.cleared(Math.max(KvmSregs.SIZE, KvmSregs2.SIZE));
    int request = sregs2 ? KvmSpec.KVM_GET_SREGS2 : KvmSpec.KVM_GET_SREGS;
    vcpu.require("KVM_GET_SREGS", request, at);
    return at;
  }

  private long pdpteKey() {
    return field(CpuState.CR3) & 0xffff_ffffL | CpuState.PDPTE_VALID;
  }

  private boolean paePaging() {
    return (field(CpuState.CR0) & Cr0.PG) != 0
        && (field(CpuState.CR4) & Cr4.PAE) != 0
        && (field(CpuState.EFER) & Efer.LMA) == 0;
  }

  /** The level is SS's, but for real and virtual-8086 mode. */
  private int privilege(long sregs) {
    if ((RawMemory.getLong(sregs + KvmSregs.CR0) & Cr0.PE) == 0) {
      return 0;
    }
    if ((RawMemory.getLong(state + CpuState.RFLAGS) & Rflags.VM) != 0) {
      return 3;
    }
    return RawMemory.getByte(sregs + KvmSregs.SS + KvmSegment.DPL) & 3;
  }

  private static void pullSegment(long from, long to) {
    int attributes =
        RawMemory.getByte(from + KvmSegment.TYPE) & 0xf
            | bit(from + KvmSegment.S) << 4
            | (RawMemory.getByte(from + KvmSegment.DPL) & 3) << 5
            | bit(from + KvmSegment.PRESENT) << 7
            | bit(from + KvmSegment.AVL) << 12
            | bit(from + KvmSegment.L) << 13
            | bit(from + KvmSegment.DB) << 14
            | bit(from + KvmSegment.G) << 15
            | bit(from + KvmSegment.UNUSABLE) << 16;
    RawMemory.putInt(
        to + CpuState.SEGMENT_SELECTOR, (int) unsignedShort(from + KvmSegment.SELECTOR));
    RawMemory.putInt(to + CpuState.SEGMENT_ATTRIBUTES, attributes);
    RawMemory.putLong(to + CpuState.SEGMENT_BASE, RawMemory.getLong(from + KvmSegment.BASE));
    RawMemory.putLong(
        to + CpuState.SEGMENT_LIMIT, RawMemory.getInt(from + KvmSegment.LIMIT) & 0xffff_ffffL);
  }

  private static int bit(long at) {
    return RawMemory.getByte(at) & 1;
  }

  private static long unsignedShort(long at) {
    return RawMemory.getShort(at) & 0xffffL;
  }

  private void pullExtended() {
    long at = xsave();
    RawMemory.copy(at, state + CpuState.XSAVE, XSAVE_BYTES);
    boolean keys = (hostStates & XsaveSpec.PKRU) != 0;
    intField(CpuState.PKRU, keys ? RawMemory.getInt(at + hostPkru) : 0);
    at = buffer.cleared(KvmXcrs.SIZE);
    vcpu.require("KVM_GET_XCRS", KvmSpec.KVM_GET_XCRS, at);
    int count = RawMemory.getInt(at + KvmXcrs.NR_XCRS);
    field(CpuState.XCR0, XsaveSpec.X87);
    for (int i = 0; i < count; i++) {
      long entry = at + KvmXcrs.XCRS + (long) i * KvmXcr.SIZE;
      if (RawMemory.getInt(entry + KvmXcr.XCR) == 0) {
        field(CpuState.XCR0, RawMemory.getLong(entry + KvmXcr.VALUE));
      }
    }
  }

  private long xsave() {
    long at = buffer.cleared(xsaveBytes);
    boolean large = xsaveBytes > KvmXsave.SIZE;
    int request = large ? KvmSpec.KVM_GET_XSAVE2 : KvmSpec.KVM_GET_XSAVE;
    vcpu.require("KVM_GET_XSAVE", request, at);
    return at;
  }

  private void pullDebug() {
    long at = buffer.cleared(KvmDebugregs.SIZE);
    vcpu.require("KVM_GET_DEBUGREGS", KvmSpec.KVM_GET_DEBUGREGS, at);
    RawMemory.copy(at + KvmDebugregs.DB, state + CpuState.DR, 4 * 8);
    field(CpuState.DR6, RawMemory.getLong(at + KvmDebugregs.DR6));
    field(CpuState.DR7, RawMemory.getLong(at + KvmDebugregs.DR7));
  }

  private void pullMsrs() {
    for (int i = 0; i < MSR_COUNT; i++) {
      known[i] = read(MSRS[i], 0);
      field(FIELDS[i], known[i]);
    }
    knownTscOffset = tscOffset();
    field(CpuState.TSC_OFFSET, knownTscOffset);
  }

  /** How far the counter is ahead of the clock: of a few looks at both, the one that took least. */
  private long tscOffset() {
    long offset = 0;
    long least = Long.MAX_VALUE;
    for (int i = 0; i < LOOKS; i++) {
      long before = ticks();
      long tsc = read(MsrSpec.TSC, 0);
      long took = ticks() - before;
      if (took < least) {
        least = took;
        offset = tsc - before - took / 2;
      }
    }
    return offset;
  }

  private long ticks() {
    long nanos = clock.nanos();
    return nanos / NANOS * tscHz + nanos % NANOS * tscHz / NANOS;
  }

  /** The value of an MSR, or {@code otherwise} where this host has none of that number. */
  long read(int index, long otherwise) {
    long at = buffer.cleared(KvmMsrs.SIZE + KvmMsrEntry.SIZE);
    RawMemory.putInt(at + KvmMsrs.NMSRS, 1);
    RawMemory.putInt(at + KvmMsrs.ENTRIES + KvmMsrEntry.INDEX, index);
    int read = vcpu.call(KvmSpec.KVM_GET_MSRS, at);
    return read == 1 ? RawMemory.getLong(at + KvmMsrs.ENTRIES + KvmMsrEntry.DATA) : otherwise;
  }

  private void pullEvents() {
    long at = buffer.cleared(KvmVcpuEvents.SIZE);
    vcpu.require("KVM_GET_VCPU_EVENTS", KvmSpec.KVM_GET_VCPU_EVENTS, at);
    int shadow = RawMemory.getByte(at + KvmVcpuEvents.Interrupt.SHADOW);
    intField(
        CpuState.INTERRUPT_SHADOW,
        (shadow & KvmSpec.KVM_X86_SHADOW_INT_MOV_SS) != 0
            ? SHADOW_MOV_SS
            : (shadow & KvmSpec.KVM_X86_SHADOW_INT_STI) != 0 ? SHADOW_STI : 0);
    intField(CpuState.EVENT, begunEvent(at));
    intField(CpuState.EVENT_ERROR, RawMemory.getInt(at + KvmVcpuEvents.Exception.ERROR_CODE));
    intField(CpuState.NMI_BLOCKED, RawMemory.getByte(at + KvmVcpuEvents.Nmi.MASKED));
    int nmis = RawMemory.getByte(at + KvmVcpuEvents.Nmi.PENDING);
    intField(
        CpuState.ATTENTION, (nmis > 0 ? Attention.NMI : 0) | (nmis > 1 ? Attention.NMI_AGAIN : 0));
    at = buffer.cleared(4);
    vcpu.require("KVM_GET_MP_STATE", KvmSpec.KVM_GET_MP_STATE, at);
    intField(
        CpuState.ACTIVITY,
        switch (RawMemory.getInt(at)) {
          case KvmSpec.KVM_MP_STATE_HALTED -> Activity.HALTED;
          case KvmSpec.KVM_MP_STATE_UNINITIALIZED,
              KvmSpec.KVM_MP_STATE_INIT_RECEIVED,
              KvmSpec.KVM_MP_STATE_SIPI_RECEIVED ->
              Activity.WAIT_FOR_SIPI;
          default -> Activity.ACTIVE;
        });
  }

  /** The event that KVM goes on to deliver when it is entered, in the state's format; or 0. */
  private static int begunEvent(long events) {
    if (RawMemory.getByte(events + KvmVcpuEvents.Exception.INJECTED) != 0) {
      int vector = RawMemory.getByte(events + KvmVcpuEvents.Exception.NR) & 0xff;
      int type =
          vector == Vector.BP || vector == Vector.OF
              ? BegunEvent.TYPE_SOFTWARE_EXCEPTION
              : BegunEvent.TYPE_EXCEPTION;
      boolean error = RawMemory.getByte(events + KvmVcpuEvents.Exception.HAS_ERROR_CODE) != 0;
      return BegunEvent.VALID | type | (error ? BegunEvent.HAS_ERROR : 0) | vector;
    }
    if (RawMemory.getByte(events + KvmVcpuEvents.Interrupt.INJECTED) != 0) {
      boolean soft = RawMemory.getByte(events + KvmVcpuEvents.Interrupt.SOFT) != 0;
      return BegunEvent.VALID
          | (soft ? BegunEvent.TYPE_SOFTWARE_INTERRUPT : BegunEvent.TYPE_EXTERNAL)
          | (RawMemory.getByte(events + KvmVcpuEvents.Interrupt.NR) & 0xff);
    }
    return RawMemory.getByte(events + KvmVcpuEvents.Nmi.INJECTED) != 0
        ? BegunEvent.VALID | BegunEvent.TYPE_NMI | Vector.NMI
        : 0;
  }

  // To KVM.

  /** Makes the state count. */
  void push() {
    pushSystem();
    pushRegisters();
    pushExtended();
    pushDebug();
    pushMsrs();
    if (RawMemory.getLong(state + CpuState.APIC_BASE) != 0) {
      vcpu.require("KVM_SET_LAPIC", KvmSpec.KVM_SET_LAPIC, state + CpuState.LOCAL_APIC);
      long deadline = field(CpuState.TSC_DEADLINE);
      if (read(MsrSpec.TSC_DEADLINE, deadline) != deadline) {
        write(MsrSpec.TSC_DEADLINE, deadline);
      }
      pushParavirtual(MSR_KVM_WALL_CLOCK_NEW, CpuState.KVM_WALL_CLOCK);
      pushParavirtual(MSR_KVM_SYSTEM_TIME_NEW, CpuState.KVM_SYSTEM_TIME);
    }
    pushEvents();
  }

  /** Writing these registers makes KVM write to the guest's memory: only what has changed. */
  private void pushParavirtual(int msr, int offset) {
    long value = field(offset);
    if (read(msr, value) != value) {
      write(msr, value);
    }
  }

  private void pushRegisters() {
    long at = buffer.cleared(KvmRegs.SIZE);
    for (int r = 0; r < GPR.length; r++) {
      RawMemory.putLong(at + GPR[r], field(CpuState.GPR + 8 * r));
    }
    RawMemory.putLong(at + KvmRegs.RIP, field(CpuState.RIP));
    RawMemory.putLong(at + KvmRegs.RFLAGS, field(CpuState.RFLAGS));
    vcpu.require("these registers", KvmSpec.KVM_SET_REGS, at);
  }

  private void pushSystem() {
    long at = sregs();
    for (int i = 0; i < SEGMENTS.length; i++) {
      pushSegment(state + CpuState.SEGMENTS + (long) i * CpuState.SEGMENT_SIZE, at + SEGMENTS[i]);
    }
    RawMemory.putByte(
        at + KvmSregs.SS + KvmSegment.DPL, (byte) RawMemory.getInt(state + CpuState.CPL));
    RawMemory.putLong(at + KvmSregs.GDT + KvmDtable.BASE, field(CpuState.GDTR_BASE));
    RawMemory.putShort(at + KvmSregs.GDT + KvmDtable.LIMIT, (short) field(CpuState.GDTR_LIMIT));
    RawMemory.putLong(at + KvmSregs.IDT + KvmDtable.BASE, field(CpuState.IDTR_BASE));
    RawMemory.putShort(at + KvmSregs.IDT + KvmDtable.LIMIT, (short) field(CpuState.IDTR_LIMIT));
    RawMemory.putLong(at + KvmSregs.CR0, field(CpuState.CR0));
    RawMemory.putLong(at + KvmSregs.CR2, field(CpuState.CR2));
    RawMemory.putLong(at + KvmSregs.CR3, field(CpuState.CR3));
    RawMemory.putLong(at + KvmSregs.CR4, field(CpuState.CR4));
    RawMemory.putLong(at + KvmSregs.EFER, field(CpuState.EFER));
    if (field(CpuState.APIC_BASE) != 0) {
      RawMemory.putLong(at + KvmSregs.APIC_BASE, field(CpuState.APIC_BASE));
    }
    if (sregs2) {
      // Without them KVM takes what is in memory. Processors of AMD do so in any case.
      boolean tables = paePaging() && field(CpuState.PDPTE_CR3) == pdpteKey();
      RawMemory.putLong(at + KvmSregs2.FLAGS, tables ? KvmSpec.KVM_SREGS2_FLAGS_PDPTRS_VALID : 0);
      RawMemory.copy(state + CpuState.PDPTE, at + KvmSregs2.PDPTRS, 4 * 8);
    }
    int request = sregs2 ? KvmSpec.KVM_SET_SREGS2 : KvmSpec.KVM_SET_SREGS;
    vcpu.require("these system registers", request, at);
  }

  private static void pushSegment(long from, long to) {
    int attributes = RawMemory.getInt(from + CpuState.SEGMENT_ATTRIBUTES);
    RawMemory.putLong(to + KvmSegment.BASE, RawMemory.getLong(from + CpuState.SEGMENT_BASE));
    RawMemory.putInt(to + KvmSegment.LIMIT, (int) RawMemory.getLong(from + CpuState.SEGMENT_LIMIT));
    RawMemory.putShort(
        to + KvmSegment.SELECTOR, (short) RawMemory.getInt(from + CpuState.SEGMENT_SELECTOR));
    part(to + KvmSegment.TYPE, attributes, 0, 0xf);
    part(to + KvmSegment.S, attributes, 4, 1);
    part(to + KvmSegment.DPL, attributes, 5, 3);
    part(to + KvmSegment.PRESENT, attributes, 7, 1);
    part(to + KvmSegment.AVL, attributes, 12, 1);
    part(to + KvmSegment.L, attributes, 13, 1);
    part(to + KvmSegment.DB, attributes, 14, 1);
    part(to + KvmSegment.G, attributes, 15, 1);
    part(to + KvmSegment.UNUSABLE, attributes, 16, 1);
  }

  private static void part(long to, int attributes, int shift, int mask) {
    RawMemory.putByte(to, (byte) (attributes >> shift & mask));
  }

  private void pushExtended() {
    long at = buffer.cleared(KvmXcrs.SIZE);
    RawMemory.putInt(at + KvmXcrs.NR_XCRS, 1);
    RawMemory.putLong(at + KvmXcrs.XCRS + KvmXcr.VALUE, field(CpuState.XCR0));
    vcpu.require("this XCR0", KvmSpec.KVM_SET_XCRS, at);
    at = xsave();
    int states = hostStates & (XsaveSpec.X87 | XsaveSpec.SSE | XsaveSpec.AVX);
    RawMemory.copy(
        state + CpuState.XSAVE,
        at,
        (states & XsaveSpec.AVX) != 0 ? XSAVE_BYTES : XsaveSpec.LEGACY_SIZE);
    if ((hostStates & XsaveSpec.PKRU) != 0) {
      states |= XsaveSpec.PKRU;
      RawMemory.putInt(at + hostPkru, RawMemory.getInt(state + CpuState.PKRU));
    }
    RawMemory.fill(at + XsaveSpec.XSTATE_BV, XsaveSpec.HEADER_SIZE, (byte) 0);
    // Without XSAVE the host takes the legacy part as it is.
    RawMemory.putLong(at + XsaveSpec.XSTATE_BV, states);
    RawMemory.putInt(
        at + XsaveSpec.MXCSR, RawMemory.getInt(state + CpuState.MXCSR) & XsaveSpec.MXCSR_VALID);
    vcpu.require("this extended state", KvmSpec.KVM_SET_XSAVE, at);
  }

  private void pushDebug() {
    long at = buffer.cleared(KvmDebugregs.SIZE);
    RawMemory.copy(state + CpuState.DR, at + KvmDebugregs.DB, 4 * 8);
    RawMemory.putLong(at + KvmDebugregs.DR6, field(CpuState.DR6));
    RawMemory.putLong(at + KvmDebugregs.DR7, field(CpuState.DR7));
    vcpu.require("these debug registers", KvmSpec.KVM_SET_DEBUGREGS, at);
  }

  private void pushMsrs() {
    for (int i = 0; i < MSR_COUNT; i++) {
      // Not what is there already: KVM complains of some that it can only read as zero.
      if (field(FIELDS[i]) != known[i]) {
        known[i] = field(FIELDS[i]);
        write(MSRS[i], known[i]);
      }
    }
    long offset = field(CpuState.TSC_OFFSET);
    if (offset != knownTscOffset) {
      // Only when it was changed: a counter that is written is no longer in step with the others.
      write(MsrSpec.TSC, ticks() + offset);
      knownTscOffset = offset;
    }
  }

  /** Writes an MSR; one that this host does not have, or not with this value, stays as it is. */
  void write(int index, long value) {
    long at = buffer.cleared(KvmMsrs.SIZE + KvmMsrEntry.SIZE);
    RawMemory.putInt(at + KvmMsrs.NMSRS, 1);
    RawMemory.putInt(at + KvmMsrs.ENTRIES + KvmMsrEntry.INDEX, index);
    RawMemory.putLong(at + KvmMsrs.ENTRIES + KvmMsrEntry.DATA, value);
    int _ = vcpu.call(KvmSpec.KVM_SET_MSRS, at);
  }

  private void pushEvents() {
    long at = buffer.cleared(KvmVcpuEvents.SIZE);
    vcpu.require("KVM_GET_VCPU_EVENTS", KvmSpec.KVM_GET_VCPU_EVENTS, at);
    int shadow =
        switch (RawMemory.getInt(state + CpuState.INTERRUPT_SHADOW)) {
          case SHADOW_STI -> KvmSpec.KVM_X86_SHADOW_INT_STI;
          case SHADOW_MOV_SS -> KvmSpec.KVM_X86_SHADOW_INT_MOV_SS;
          default -> 0;
        };
    int attention = RawMemory.getInt(state + CpuState.ATTENTION);
    int nmis =
        (attention & Attention.NMI) == 0 ? 0 : (attention & Attention.NMI_AGAIN) == 0 ? 1 : 2;
    beginEvent(at);
    RawMemory.putByte(at + KvmVcpuEvents.Interrupt.SHADOW, (byte) shadow);
    RawMemory.putByte(at + KvmVcpuEvents.Nmi.PENDING, (byte) nmis);
    RawMemory.putByte(
        at + KvmVcpuEvents.Nmi.MASKED, (byte) RawMemory.getInt(state + CpuState.NMI_BLOCKED));
    RawMemory.putInt(
        at + KvmVcpuEvents.FLAGS,
        KvmSpec.KVM_VCPUEVENT_VALID_NMI_PENDING | KvmSpec.KVM_VCPUEVENT_VALID_SHADOW);
    vcpu.require("these events", KvmSpec.KVM_SET_VCPU_EVENTS, at);
    at = buffer.cleared(4);
    RawMemory.putInt(
        at,
        switch (RawMemory.getInt(state + CpuState.ACTIVITY)) {
          case Activity.HALTED -> KvmSpec.KVM_MP_STATE_HALTED;
          case Activity.WAIT_FOR_SIPI -> KvmSpec.KVM_MP_STATE_UNINITIALIZED;
          default -> KvmSpec.KVM_MP_STATE_RUNNABLE;
        });
    vcpu.require("this activity", KvmSpec.KVM_SET_MP_STATE, at);
  }

  private void beginEvent(long events) {
    int event = RawMemory.getInt(state + CpuState.EVENT);
    int type = event & BegunEvent.TYPE;
    boolean valid = (event & BegunEvent.VALID) != 0;
    boolean soft = type == BegunEvent.TYPE_SOFTWARE_INTERRUPT;
    boolean exception =
        type == BegunEvent.TYPE_EXCEPTION || type == BegunEvent.TYPE_SOFTWARE_EXCEPTION;
    byte vector = (byte) (event & BegunEvent.VECTOR);
    set(events + KvmVcpuEvents.Exception.INJECTED, valid && exception);
    RawMemory.putByte(events + KvmVcpuEvents.Exception.NR, exception ? vector : 0);
    set(
        events + KvmVcpuEvents.Exception.HAS_ERROR_CODE,
        exception && (event & BegunEvent.HAS_ERROR) != 0);
    set(events + KvmVcpuEvents.Exception.PENDING, false);
    RawMemory.putInt(
        events + KvmVcpuEvents.Exception.ERROR_CODE,
        RawMemory.getInt(state + CpuState.EVENT_ERROR));
    set(
        events + KvmVcpuEvents.Interrupt.INJECTED,
        valid && (soft || type == BegunEvent.TYPE_EXTERNAL));
    RawMemory.putByte(events + KvmVcpuEvents.Interrupt.NR, vector);
    set(events + KvmVcpuEvents.Interrupt.SOFT, soft);
    set(events + KvmVcpuEvents.Nmi.INJECTED, valid && type == BegunEvent.TYPE_NMI);
  }

  private static void set(long at, boolean on) {
    RawMemory.putByte(at, (byte) (on ? 1 : 0));
  }

  /** Forgets events that KVM was about to deliver. */
  void dropEvents() {
    long at = buffer.cleared(KvmVcpuEvents.SIZE);
    RawMemory.putInt(
        at + KvmVcpuEvents.FLAGS,
        KvmSpec.KVM_VCPUEVENT_VALID_NMI_PENDING | KvmSpec.KVM_VCPUEVENT_VALID_SHADOW);
    vcpu.require("KVM_SET_VCPU_EVENTS", KvmSpec.KVM_SET_VCPU_EVENTS, at);
  }

  private long field(int offset) {
    return RawMemory.getLong(state + offset);
  }

  private void field(int offset, long value) {
    RawMemory.putLong(state + offset, value);
  }

  private void intField(int offset, int value) {
    RawMemory.putInt(state + offset, value);
  }

  @Override
  public void close() {
    given.close();
    buffer.close();
  }
}
