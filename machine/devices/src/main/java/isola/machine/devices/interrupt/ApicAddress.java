package isola.machine.devices.interrupt;

/**
 * What destinations a local APIC answers to (Intel SDM vol. 3A 10.6.2 and 10.12.10). Written by its
 * owner, read by any thread.
 */
final class ApicAddress {
  private volatile int id;
  private volatile int ldr;
  private volatile int dfr = -1;

  int id() {
    return id;
  }

  void id(int value) {
    id = value & 0xff;
  }

  int ldr() {
    return ldr;
  }

  void ldr(int value) {
    ldr = value;
  }

  int dfr() {
    return dfr;
  }

  void dfr(int value) {
    dfr = value | 0x0fff_ffff;
  }

  /** The logical id that hardware derives from the id in x2APIC mode. */
  static int derived(int number) {
    return (number & ~0xf) << 12 | 1 << (number & 0xf);
  }

  /** Whether a message's destination, broadcast apart, is this one. */
  boolean matches(int destination, boolean logical, boolean x2) {
    if (!logical) {
      return destination == id;
    }
    int mine = ldr;
    if (x2) {
      return destination >>> 16 == mine >>> 16 && (destination & mine & 0xffff) != 0;
    }
    int members = mine >>> 24;
    if (dfr >>> 28 == 0xf) {
      return (destination & members) != 0;
    }
    return destination >>> 4 == members >>> 4 && (destination & members & 0xf) != 0;
  }
}
