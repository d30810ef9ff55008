package isola.machine.devices.interrupt;

import isola.core.cpu.HypercallPort;
import org.jspecify.annotations.Nullable;

/**
 * KVM's hypercalls that deal with interrupts (Linux Documentation/virt/kvm/x86/hypercalls.rst): one
 * call instead of an interrupt command for each processor, and the wake-up of a processor that
 * halts while it waits for a lock. Any vCPU's thread; takes no lock.
 */
public final class ApicHypercalls implements HypercallPort {
  // Linux uapi kvm_para.h.
  private static final int KICK_CPU = 5;
  private static final int SEND_IPI = 10;
  private static final long EINVAL = 22;

  private final ApicBus bus;

  /** The calls that reach the processors on {@code bus}. */
  public ApicHypercalls(ApicBus bus) {
    this.bus = bus;
  }

  @Override
  public long call(long number, long a0, long a1, long a2, long a3, boolean wide) {
    if (number == SEND_IPI) {
      return send(a0, a1, a2, a3, wide ? 64 : 32);
    }
    if (number == KICK_CPU) {
      LocalApic apic = find(a1 & 0xffff_ffffL);
      if (apic != null) {
        apic.unhalt();
      }
      return 0;
    }
    return UNKNOWN;
  }

  private @Nullable LocalApic find(long id) {
    return bus.find((int) Math.min(id, Integer.MAX_VALUE));
  }

  /**
   * Sends to the processors whose bit is set.
   *
   * @param first the APIC id of bit 0 of {@code low}
   * @param bits how many bits of each word count
   * @return to how many
   */
  private long send(long low, long high, long first, long command, int bits) {
    int mode = (int) command >> 8 & 7;
    boolean alone = (command & (ApicSpec.ICR_LOGICAL | ApicSpec.ICR_SHORTHAND)) == 0;
    if (!alone || (mode != ApicSpec.FIXED && mode != ApicSpec.NMI)) {
      return -EINVAL;
    }
    int vector = (int) command & 0xff;
    long from = first & 0xffff_ffffL;
    return send(low, from, mode, vector) + send(high, from + bits, mode, vector);
  }

  private long send(long set, long first, int mode, int vector) {
    long sent = 0;
    for (long rest = set; rest != 0; rest &= rest - 1) {
      LocalApic apic = find(first + Long.numberOfTrailingZeros(rest));
      if (apic != null) {
        apic.accept(mode, vector, false);
        sent++;
      }
    }
    return sent;
  }
}
