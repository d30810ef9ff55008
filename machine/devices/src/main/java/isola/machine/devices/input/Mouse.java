package isola.machine.devices.input;

/**
 * The PS/2 mouse behind the controller, with the wheel that software finds by setting three sample
 * rates (Microsoft, "Intellimouse"). No lock of its own.
 */
final class Mouse {
  private static final int WHEEL_ID = 3;

  final ByteQueue queue = new ByteQueue();
  private boolean reporting;
  private boolean remote;
  private boolean wrap;
  private boolean doubleScale;
  private int parameterOf;
  private int resolution = 2;
  private int rate = 100;
  private int lastRates;
  private int id;
  private int buttons;
  private int dx;
  private int dy;
  private int dz;
  private boolean changed;

  /** The mouse moved, in counts, to the right and up, its wheel turned, and its buttons are so. */
  void move(int right, int up, int wheel, int pressed) {
    dx = Math.clamp((long) dx + right, -4096, 4096);
    dy = Math.clamp((long) dy + up, -4096, 4096);
    dz = Math.clamp((long) dz + wheel, -64, 64);
    changed |= right != 0 || up != 0 || wheel != 0 || buttons != (pressed & 7);
    buttons = pressed & 7;
    report();
  }

  /**
   * Sends what has changed while there is room; movement that is left goes with the next packet.
   */
  void report() {
    while (reporting && !remote && !wrap && changed && queue.room(4)) {
      packet();
    }
  }

  private void packet() {
    int x = Math.clamp(dx, -255, 255);
    int y = Math.clamp(dy, -255, 255);
    int z = Math.clamp(dz, -8, 7);
    queue.add(buttons | 8 | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0));
    queue.add(x);
    queue.add(y);
    if (id == WHEEL_ID) {
      queue.add(z);
      dz -= z;
    } else {
      dz = 0;
    }
    dx -= x;
    dy -= y;
    changed = dx != 0 || dy != 0 || dz != 0;
  }

  void write(int value) {
    if (wrap && value != I8042Spec.RESET && value != I8042Spec.RESET_WRAP) {
      queue.add(value);
      return;
    }
    if (parameterOf != 0) {
      parameter(value);
      return;
    }
    queue.add(I8042Spec.ACK);
    switch (value) {
      case I8042Spec.SCALING_1 -> doubleScale = false;
      case I8042Spec.SCALING_2 -> doubleScale = true;
      case I8042Spec.SET_RESOLUTION, I8042Spec.SET_RATE -> parameterOf = value;
      case I8042Spec.STATUS_REQUEST -> {
        queue.add(
            (remote ? 0x40 : 0)
                | (reporting ? 0x20 : 0)
                | (doubleScale ? 0x10 : 0)
                | (buttons & 1) << 2
                | (buttons & 4) >> 1
                | (buttons & 2) >> 1);
        queue.add(resolution);
        queue.add(rate);
      }
      case I8042Spec.STREAM_MODE -> remote = false;
      case I8042Spec.READ_DATA -> packet();
      case I8042Spec.RESET_WRAP -> wrap = false;
      case I8042Spec.SET_WRAP -> wrap = true;
      case I8042Spec.REMOTE_MODE -> remote = true;
      case I8042Spec.READ_ID -> queue.add(id);
      case I8042Spec.ENABLE -> {
        reporting = true;
        forget();
      }
      case I8042Spec.DISABLE -> reporting = false;
      case I8042Spec.DEFAULTS -> defaults();
      case I8042Spec.RESET -> {
        reset();
        queue.add(I8042Spec.ACK);
        queue.add(I8042Spec.TEST_PASSED);
        queue.add(id);
      }
      default -> {
        // Answered like any other: drivers probe with commands of other makers.
      }
    }
  }

  private void parameter(int value) {
    if (parameterOf == I8042Spec.SET_RATE) {
      rate = value;
      lastRates = (lastRates << 8 | value) & 0xff_ffff;
      // 200, 100, 80: the knock to which a wheel mouse answers with another id.
      if (lastRates == 0xc8_6450) {
        id = WHEEL_ID;
      }
    } else {
      resolution = value & 3;
    }
    parameterOf = 0;
    queue.add(I8042Spec.ACK);
  }

  private void defaults() {
    reporting = false;
    remote = false;
    doubleScale = false;
    resolution = 2;
    rate = 100;
  }

  void reset() {
    defaults();
    queue.clear();
    wrap = false;
    parameterOf = 0;
    lastRates = 0;
    id = 0;
    forget();
  }

  /** Clears the movement counters. */
  private void forget() {
    dx = 0;
    dy = 0;
    dz = 0;
    changed = false;
  }

  int[] save() {
    int flags = (reporting ? 1 : 0) | (remote ? 2 : 0) | (wrap ? 4 : 0) | (doubleScale ? 8 : 0);
    return new int[] {flags, parameterOf, resolution, rate, lastRates, id, buttons, dx, dy, dz};
  }

  void restore(int[] s) {
    reporting = (s[0] & 1) != 0;
    remote = (s[0] & 2) != 0;
    wrap = (s[0] & 4) != 0;
    doubleScale = (s[0] & 8) != 0;
    parameterOf = s[1] & 0xff;
    resolution = s[2] & 3;
    rate = s[3] & 0xff;
    lastRates = s[4] & 0xff_ffff;
    id = s[5] == WHEEL_ID ? WHEEL_ID : 0;
    buttons = s[6] & 7;
    dx = Math.clamp(s[7], -4096, 4096);
    dy = Math.clamp(s[8], -4096, 4096);
    dz = Math.clamp(s[9], -64, 64);
    changed = dx != 0 || dy != 0 || dz != 0;
  }
}
