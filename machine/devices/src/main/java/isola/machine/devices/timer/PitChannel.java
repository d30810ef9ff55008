package isola.machine.devices.timer;

/**
 * One counter of the 8254, computed from the time at which it was loaded instead of being counted
 * down. No lock of its own. Times are in ticks of the input clock.
 */
final class PitChannel {
  private static final long NEVER = Long.MAX_VALUE;

  // Volatile state.
  private int mode;
  private int access = PitSpec.ACCESS_BOTH;
  private boolean bcd;
  private boolean gate;
  private boolean counting;

  /** The count register's value, 1 to 65536 (10000 in BCD). */
  private int reload = 0x10000;

  private long since;
  private long gateFell;
  private int lowByte;
  private boolean writeHigh;
  private boolean readHigh;
  private int latch = -1;
  private int statusLatch = -1;

  PitChannel(boolean gate) {
    this.gate = gate;
  }

  private boolean periodic() {
    return mode == 2 || mode == 3;
  }

  void control(int word, long now) {
    int newAccess = word >> 4 & 3;
    if (newAccess == PitSpec.ACCESS_LATCH) {
      latchCount(now);
      return;
    }
    access = newAccess;
    int bits = word >> 1 & 7;
    // Modes 6 and 7 are 2 and 3: the third bit does not matter there.
    mode = bits > 5 ? bits - 4 : bits;
    bcd = (word & 1) != 0;
    counting = false;
    writeHigh = false;
    readHigh = false;
    latch = -1;
    statusLatch = -1;
  }

  void latchCount(long now) {
    if (latch < 0) {
      latch = count(now);
    }
  }

  void latchStatus(long now) {
    if (statusLatch < 0) {
      statusLatch =
          (output(now) ? PitSpec.STATUS_OUTPUT : 0)
              | (counting ? 0 : PitSpec.STATUS_NULL_COUNT)
              | access << 4
              | mode << 1
              | (bcd ? 1 : 0);
    }
  }

  /** Writes a byte of the count; returns whether counting changed. */
  boolean write(int value, long now) {
    switch (access) {
      case PitSpec.ACCESS_LOW -> load(value, now);
      case PitSpec.ACCESS_HIGH -> load(value << 8, now);
      default -> {
        writeHigh = !writeHigh;
        if (writeHigh) {
          lowByte = value;
          if (mode == 0) {
            // Mode 0: writing the first byte stops the counter.
            counting = false;
          }
          return mode == 0;
        }
        load(value << 8 | lowByte, now);
      }
    }
    return true;
  }

  private void load(int written, long now) {
    int ticks = bcd ? fromBcd(written) : written;
    int full = bcd ? 10_000 : 0x10000;
    int value = ticks == 0 ? full : ticks;
    boolean goesOn = counting && periodic();
    // A periodic counter takes the new count at the end of the current one; that is rounded to now
    // when it would be long, as the guest means to reprogram a stopped timer then.
    reload = value;
    if (mode == 1 || mode == 5) {
      // These wait for a rising gate.
      return;
    }
    if (!goesOn || now - since >= value) {
      since = now;
    }
    counting = true;
    if (!gate) {
      gateFell = now;
    }
  }

  private static int fromBcd(int value) {
    int result = 0;
    for (int shift = 12; shift >= 0; shift -= 4) {
      result = result * 10 + Math.min(value >> shift & 0xf, 9);
    }
    return result;
  }

  private static int toBcd(int value) {
    return value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
  }

  boolean gate() {
    return gate;
  }

  /** The gate input changes ("Gate pin operations summary"). */
  void gate(boolean high, long now) {
    if (gate == high) {
      return;
    }
    gate = high;
    if (!high) {
      gateFell = now;
    } else if (mode == 1 || mode == 5) {
      since = now;
      counting = true;
    } else if (periodic()) {
      since = now;
    } else {
      since += now - gateFell;
    }
  }

  /** Ticks since the count was loaded, as far as the gate let them count. */
  private long elapsed(long now) {
    boolean held = !gate && mode != 1 && mode != 5;
    return (held ? gateFell : now) - since;
  }

  /** The counting element, as it would be read: in BCD if that is how it counts. */
  int count(long now) {
    int full = bcd ? 10_000 : 0x10000;
    int value;
    if (!counting) {
      value = reload % full;
    } else {
      long passed = Math.max(elapsed(now), 0);
      value =
          switch (mode) {
            case 2 -> (int) (reload - passed % reload);
            // Counts down by two, once for each half of the square wave.
            case 3 -> (int) ((reload & ~1) - passed * 2 % Math.max(reload & ~1, 2));
            // The others wrap and go on.
            default -> (int) Math.floorMod(reload - passed, (long) full);
          };
    }
    return bcd ? toBcd(value % full) : value & 0xffff;
  }

  /** The output pin. */
  boolean output(long now) {
    if (!counting) {
      return mode != 0;
    }
    long passed = Math.max(elapsed(now), 0);
    return switch (mode) {
      case 0, 1 -> passed >= reload;
      case 2 -> !gate || passed % reload != reload - 1;
      case 3 -> !gate || passed % reload < (reload + 1) / 2;
      default -> passed != reload;
    };
  }

  /**
   * When the output next rises after {@code now}, in ticks, or {@link Long#MAX_VALUE}. That is the
   * interrupt.
   */
  long nextRise(long now) {
    if (!counting || (!gate && mode != 1 && mode != 5)) {
      return NEVER;
    }
    long passed = Math.max(now - since, 0);
    if (periodic()) {
      return since + (passed / reload + 1) * reload;
    }
    long rise = mode >= 4 ? reload + 1L : reload;
    return passed < rise ? since + rise : NEVER;
  }

  int read(long now) {
    if (statusLatch >= 0) {
      int status = statusLatch;
      statusLatch = -1;
      return status;
    }
    int value = latch >= 0 ? latch : count(now);
    boolean high = access == PitSpec.ACCESS_HIGH || (access == PitSpec.ACCESS_BOTH && readHigh);
    if (access == PitSpec.ACCESS_BOTH) {
      readHigh = !readHigh;
    }
    if (access != PitSpec.ACCESS_BOTH || high) {
      latch = -1;
    }
    return high ? value >> 8 & 0xff : value & 0xff;
  }

  Pit.ChannelState save() {
    int flags =
        (bcd ? 1 : 0)
            | (gate ? 2 : 0)
            | (counting ? 4 : 0)
            | (writeHigh ? 8 : 0)
            | (readHigh ? 16 : 0);
    return new Pit.ChannelState(
        mode, access, flags, reload, since, gateFell, lowByte, latch, statusLatch);
  }

  void restore(Pit.ChannelState state) {
    mode = Math.clamp(state.mode(), 0, 5);
    access = Math.clamp(state.access(), PitSpec.ACCESS_LOW, PitSpec.ACCESS_BOTH);
    bcd = (state.flags() & 1) != 0;
    gate = (state.flags() & 2) != 0;
    counting = (state.flags() & 4) != 0;
    writeHigh = (state.flags() & 8) != 0;
    readHigh = (state.flags() & 16) != 0;
    reload = Math.clamp(state.reload(), 1, 0x10000);
    since = state.since();
    gateFell = state.gateFell();
    lowByte = state.lowByte() & 0xff;
    latch = Math.clamp(state.latch(), -1, 0xffff);
    statusLatch = Math.clamp(state.statusLatch(), -1, 0xff);
  }
}
