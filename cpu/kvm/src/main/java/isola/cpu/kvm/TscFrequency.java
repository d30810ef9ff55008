package isola.cpu.kvm;

/**
 * At what frequency a machine's time-stamp counters count: the host's, or another where its
 * processor scales (KVM_CAP_TSC_CONTROL). One thread at a time.
 *
 * <p>Where KVM cannot scale it still takes some frequencies, by moving the counter on at each
 * entry; in between the guest counts at the host's, which is not the constant rate that its CPUID
 * promises. That is not used.
 */
final class TscFrequency {
  /** A processor's counter: KVM_GET_TSC_KHZ and KVM_SET_TSC_KHZ. */
  interface Counter {
    /** Its frequency in kHz; or 0, or a negated error number, if KVM does not know. */
    int tscKhz();

    /** Sets it: 0, or a negated error number. */
    int tscKhz(int khz);
  }

  private static final long KILO = 1000;

  /**
   * Within this part of the host's frequency, 250 parts per million, KVM does not scale (Linux
   * arch/x86/kvm/x86.c, {@code tsc_tolerance_ppm}).
   */
  private static final long TOLERANCE = 4000;

  private final boolean scales;

  /** What each processor is set to, 0 for the host's. */
  private int khz;

  TscFrequency(boolean scales) {
    this.scales = scales;
  }

  /** The host's frequency in Hz by a counter that was not set; 0 if KVM does not know it. */
  static long own(Counter counter) {
    return Math.max(counter.tscKhz(), 0) * KILO;
  }

  /**
   * Asks for a frequency, before any counter was set.
   *
   * @param wanted in Hz
   * @return in Hz, what processors will have: that, to the kHz, or the host's
   */
  long ask(Counter counter, long wanted) {
    long own = own(counter);
    if (own == 0) {
      return wanted;
    }
    long near = (wanted + KILO / 2) / KILO;
    if (!scales || Math.abs(own - wanted) <= own / TOLERANCE || near > Integer.MAX_VALUE) {
      // So near the host's it would only make KVM take one rate for the other: the counter goes on
      // as before, and deadlines of the local APIC, in its ticks, would be missed by as much.
      return own;
    }
    if (counter.tscKhz((int) near) >= 0 && counter.tscKhz() == near) {
      khz = (int) near;
      return near * KILO;
    }
    // A KVM that refuses remembers the number all the same.
    int _ = counter.tscKhz((int) (own / KILO));
    return own;
  }

  /**
   * Makes a new processor's counter count as was agreed.
   *
   * @throws KvmException if it does not
   */
  void give(Counter counter) {
    if (khz != 0) {
      int result = counter.tscKhz(khz);
      KvmException.require("a time-stamp counter at %d kHz".formatted(khz), result);
    }
  }
}
