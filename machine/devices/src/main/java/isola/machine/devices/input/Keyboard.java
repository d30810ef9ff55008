package isola.machine.devices.input;

/** The PS/2 keyboard behind the controller: scan code set 2. No lock of its own. */
final class Keyboard {
  /** Highest key code: a set 2 code, with 0xe0 before it if bit 8 is set. */
  static final int KEYS = 0x200;

  private static final int SET_2 = 2;

  final ByteQueue queue = new ByteQueue();
  private boolean enabled = true;
  private int parameterOf;
  private int leds;
  private int set = SET_2;

  int leds() {
    return leds;
  }

  /** A key goes down or up; dropped, as the real one beeps, if nobody reads. */
  void key(int code, boolean down) {
    if (enabled && queue.room(3)) {
      if ((code & 0x100) != 0) {
        queue.add(0xe0);
      }
      if (!down) {
        queue.add(I8042Spec.BREAK);
      }
      queue.add(code & 0xff);
    }
  }

  void write(int value) {
    if (parameterOf != 0) {
      int command = parameterOf;
      parameterOf = 0;
      if (value < I8042Spec.SET_LEDS) {
        parameter(command, value);
        return;
      }
      // A command where a parameter was due abandons the first.
    }
    switch (value) {
      case I8042Spec.SET_LEDS, I8042Spec.SCAN_SET, I8042Spec.SET_RATE -> {
        parameterOf = value;
        queue.add(I8042Spec.ACK);
      }
      case I8042Spec.ECHO -> queue.add(I8042Spec.ECHO);
      case I8042Spec.READ_ID -> {
        queue.add(I8042Spec.ACK);
        queue.add(0xab);
        queue.add(0x83);
      }
      case I8042Spec.ENABLE -> {
        queue.clear();
        enabled = true;
        queue.add(I8042Spec.ACK);
      }
      case I8042Spec.DISABLE, I8042Spec.DEFAULTS -> {
        reset();
        enabled = value == I8042Spec.DEFAULTS;
        queue.add(I8042Spec.ACK);
      }
      case I8042Spec.RESET -> {
        reset();
        queue.add(I8042Spec.ACK);
        queue.add(I8042Spec.TEST_PASSED);
      }
      default -> queue.add(I8042Spec.RESEND);
    }
  }

  private void parameter(int command, int value) {
    switch (command) {
      case I8042Spec.SET_LEDS -> {
        leds = value & 7;
        queue.add(I8042Spec.ACK);
      }
      case I8042Spec.SCAN_SET -> {
        queue.add(I8042Spec.ACK);
        if (value == 0) {
          queue.add(set);
        } else if (value == SET_2) {
          set = value;
        } else {
          // This keyboard has one set only.
          queue.add(I8042Spec.RESEND);
        }
      }
      default -> queue.add(I8042Spec.ACK);
    }
  }

  void reset() {
    queue.clear();
    enabled = true;
    parameterOf = 0;
    leds = 0;
    set = SET_2;
  }

  int[] save() {
    return new int[] {enabled ? 1 : 0, parameterOf, leds};
  }

  void restore(int[] state) {
    enabled = state[0] != 0;
    parameterOf = state[1] & 0xff;
    leds = state[2] & 7;
  }
}
