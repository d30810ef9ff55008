package isola.machine.devices.interrupt;

import java.util.Arrays;

/** A local APIC's vector table and its two pins (Intel SDM vol. 3A 10.5.1). No lock of its own. */
final class LocalVectorTable {
  private final int[] entries = new int[ApicSpec.LVT_ENTRIES];
  private final boolean[] pins = new boolean[2];

  private static int index(int register) {
    return (register - ApicSpec.LVT_TIMER) >> 4;
  }

  /** Whether a register, by its xAPIC offset, is one of these. */
  static boolean has(int register) {
    return register >= ApicSpec.LVT_TIMER && register <= ApicSpec.LVT_ERROR;
  }

  int read(int register) {
    return entries[index(register)];
  }

  /** Writes an entry, which stays masked unless the APIC is enabled by software. */
  void write(int register, int value, boolean enabled) {
    entries[index(register)] =
        (value & ApicSpec.lvtWritable(register)) | (enabled ? 0 : ApicSpec.LVT_MASKED);
  }

  void maskAll() {
    for (int i = 0; i < entries.length; i++) {
      entries[i] |= ApicSpec.LVT_MASKED;
    }
  }

  boolean masked(int register) {
    return (read(register) & ApicSpec.LVT_MASKED) != 0;
  }

  int vector(int register) {
    return read(register) & 0xff;
  }

  /** The delivery mode; the timer's and the error's is fixed. */
  int mode(int register) {
    return register == ApicSpec.LVT_TIMER || register == ApicSpec.LVT_ERROR
        ? ApicSpec.FIXED
        : read(register) >> 8 & 7;
  }

  /** Sets a pin's level; returns whether that changed it. */
  boolean pin(int number, boolean asserted) {
    boolean changed = pins[number] != asserted;
    pins[number] = asserted;
    return changed;
  }

  /** Whether LINT0 asserts an external interrupt. */
  boolean external() {
    return pins[0] && !masked(ApicSpec.LVT_LINT0) && mode(ApicSpec.LVT_LINT0) == ApicSpec.EXTINT;
  }

  boolean lint0() {
    return pins[0];
  }

  /** All masked, but that the bootstrap processor's LINT0 is in virtual wire mode. */
  void reset(boolean bootstrap) {
    Arrays.fill(entries, ApicSpec.LVT_MASKED);
    if (bootstrap) {
      entries[index(ApicSpec.LVT_LINT0)] = ApicSpec.EXTINT << 8;
    }
  }

  int[] save() {
    return entries.clone();
  }

  void restore(int[] saved) {
    System.arraycopy(saved, 0, entries, 0, entries.length);
  }
}
