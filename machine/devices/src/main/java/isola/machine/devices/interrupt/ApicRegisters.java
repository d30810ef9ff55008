package isola.machine.devices.interrupt;

import isola.core.bus.MmioDevice;
import isola.core.cpu.MsrPort;

/**
 * How software reaches a local APIC: a page of device memory in xAPIC mode (Intel SDM vol. 3A
 * 10.4.1), MSRs in x2APIC mode (10.12), and IA32_APIC_BASE and IA32_TSC_DEADLINE in both. MSRs:
 * owner thread of the vCPU; memory: any.
 */
public final class ApicRegisters implements MmioDevice, MsrPort {
  private static final int NONE = 0;
  private static final int READ = 1;
  private static final int WRITE = 2;

  // Configuration.
  private final long baseReserved;

  // Wiring.
  private final LocalApic apic;

  /** The value of the last MSR read. */
  private long value;

  ApicRegisters(LocalApic apic, int physicalBits) {
    this.apic = apic;
    baseReserved = -1L << physicalBits | 0x2ff;
  }

  /** Which accesses a register knows: table 10-1 and, for x2APIC mode, table 10-6. */
  private static int access(int register, boolean x2) {
    return switch (register) {
      case ApicSpec.ID, ApicSpec.LDR -> x2 ? READ : READ | WRITE;
      case ApicSpec.VERSION, ApicSpec.PPR, ApicSpec.CURRENT_COUNT -> READ;
      case ApicSpec.APR -> x2 ? NONE : READ;
      case ApicSpec.DFR, ApicSpec.ICR_HIGH -> x2 ? NONE : READ | WRITE;
      case ApicSpec.EOI -> WRITE;
      case ApicSpec.SELF_IPI -> x2 ? WRITE : NONE;
      case ApicSpec.TPR,
          ApicSpec.SVR,
          ApicSpec.ESR,
          ApicSpec.ICR,
          ApicSpec.INITIAL_COUNT,
          ApicSpec.DIVIDE ->
          READ | WRITE;
      default -> {
        if (register >= ApicSpec.ISR && register < ApicSpec.ESR) {
          yield READ;
        }
        boolean lvt = register >= ApicSpec.LVT_TIMER && register <= ApicSpec.LVT_ERROR;
        yield lvt ? READ | WRITE : NONE;
      }
    };
  }

  /** The bits that must be zero in a write in x2APIC mode. */
  private static long reserved(int register) {
    return switch (register) {
      case ApicSpec.TPR, ApicSpec.SELF_IPI -> ~0xffL;
      case ApicSpec.EOI, ApicSpec.ESR -> -1L;
      case ApicSpec.SVR -> ~(long) ApicSpec.SVR_WRITABLE;
      case ApicSpec.ICR -> ~(ApicSpec.ICR_WRITABLE | 0xffff_ffff_0000_0000L);
      case ApicSpec.INITIAL_COUNT -> ~0xffff_ffffL;
      case ApicSpec.DIVIDE -> ~0xbL;
      // Delivery status and remote IRR are read-only there, not reserved.
      default -> ~(ApicSpec.lvtWritable(register) | 0x5000L);
    };
  }

  @Override
  public long read(long offset, int size) {
    if (!apic.visible()) {
      return -1;
    }
    int register = (int) offset & ~0xf;
    int shift = (int) offset & 0xf;
    if (shift + size > 4) {
      // 10.4.1: the rest of a register's 16 bytes is undefined.
      return 0;
    }
    if (access(register, false) == NONE) {
      apic.illegal(ApicSpec.ESR_REGISTER);
      return 0;
    }
    return (apic.read(register) & 0xffff_ffffL) >>> (shift * 8);
  }

  @Override
  public void write(long offset, int size, long written) {
    int register = (int) offset;
    if (!apic.visible() || size != 4 || (register & 0xf) != 0) {
      return;
    }
    int access = access(register, false);
    if ((access & WRITE) != 0) {
      apic.write(register, written);
    } else if (access == NONE) {
      apic.illegal(ApicSpec.ESR_REGISTER);
    }
  }

  @Override
  public Access read(int index) {
    if (index == ApicSpec.MSR_APIC_BASE) {
      value = apic.base();
      return Access.OK;
    }
    if (index == ApicSpec.MSR_TSC_DEADLINE) {
      value = apic.deadline();
      return Access.OK;
    }
    int register = (index - ApicSpec.MSR_X2APIC) << 4;
    if (Integer.compareUnsigned(index - ApicSpec.MSR_X2APIC, ApicSpec.X2APIC_MSRS) >= 0) {
      return Access.ABSENT;
    }
    if (!apic.x2() || (access(register, true) & READ) == 0) {
      return Access.FAULT;
    }
    long read = apic.read(register);
    value = register == ApicSpec.ICR ? read : read & 0xffff_ffffL;
    return Access.OK;
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public Access write(int index, long written) {
    if (index == ApicSpec.MSR_APIC_BASE) {
      return writeBase(written);
    }
    if (index == ApicSpec.MSR_TSC_DEADLINE) {
      apic.deadline(written);
      return Access.OK;
    }
    int register = (index - ApicSpec.MSR_X2APIC) << 4;
    if (Integer.compareUnsigned(index - ApicSpec.MSR_X2APIC, ApicSpec.X2APIC_MSRS) >= 0) {
      return Access.ABSENT;
    }
    if (!apic.x2()
        || (access(register, true) & WRITE) == 0
        || (written & reserved(register)) != 0) {
      return Access.FAULT;
    }
    apic.write(register, written);
    return Access.OK;
  }

  private Access writeBase(long written) {
    boolean enable = (written & ApicSpec.BASE_ENABLE) != 0;
    boolean x2 = (written & ApicSpec.BASE_X2APIC) != 0;
    // Figure 10-27: x2APIC mode is entered from xAPIC mode and left by turning the APIC off.
    boolean wrong =
        (x2 && !enable) || (x2 && !apic.hardwareEnabled()) || (apic.x2() && enable && !x2);
    if (wrong || (written & baseReserved) != 0) {
      return Access.FAULT;
    }
    apic.base(written);
    return Access.OK;
  }
}
