package isola.machine.devices.interrupt;

/** One 8259A of the pair, with no lock and no wires of its own: {@link Pic} has both. */
public final class PicChip {
  /**
   * Volatile state of one chip.
   *
   * @param lines levels of the inputs
   * @param irr interrupt request register
   * @param isr in-service register
   * @param imr interrupt mask register
   * @param elcr which inputs are level-triggered
   * @param base vector of input 0
   * @param lowest the input of lowest priority
   * @param initStep which initialization word comes next, 2 to 4, or 0
   * @param flags the {@code FLAG_} bits
   */
  public record State(
      int lines,
      int irr,
      int isr,
      int imr,
      int elcr,
      int base,
      int lowest,
      int initStep,
      int flags) {}

  private static final int FLAG_AUTO_EOI = 1;
  private static final int FLAG_ROTATE_ON_AUTO_EOI = 1 << 1;
  private static final int FLAG_SPECIAL_MASK = 1 << 2;
  private static final int FLAG_FULLY_NESTED = 1 << 3;
  private static final int FLAG_READ_ISR = 1 << 4;
  private static final int FLAG_POLL = 1 << 5;
  private static final int FLAG_ICW4 = 1 << 6;
  private static final int FLAG_SINGLE = 1 << 7;
  private static final int FLAG_ALL_LEVEL = 1 << 8;
  private static final int FLAGS = 0x1ff;

  // Configuration.
  private final boolean master;

  // Volatile state.
  private int lines;
  private int irr;
  private int isr;
  private int imr;
  private int elcr;
  private int base;
  private int lowest = 7;
  private int initStep;
  private int flags;

  PicChip(boolean master) {
    this.master = master;
  }

  private boolean flag(int bit) {
    return (flags & bit) != 0;
  }

  private void flag(int bit, boolean on) {
    flags = on ? flags | bit : flags & ~bit;
  }

  private boolean level(int input) {
    return flag(FLAG_ALL_LEVEL) || (elcr & 1 << input) != 0;
  }

  /** An input's wire changes: a rising edge latches a request, a level is the request. */
  void input(int input, boolean asserted) {
    int bit = 1 << input;
    boolean was = (lines & bit) != 0;
    lines = asserted ? lines | bit : lines & ~bit;
    if (asserted && (level(input) || !was)) {
      irr |= bit;
    } else if (!asserted && (level(input) || (master && input == PicSpec.CASCADE))) {
      // An edge stays latched here. On the chip it is gone if the wire falls before the
      // acknowledge,
      // but there a pulse is never that short.
      irr &= ~bit;
    }
  }

  /** The input of highest priority that may interrupt now, or -1. */
  int highest() {
    int requests = irr & ~imr;
    if (requests == 0) {
      return -1;
    }
    for (int i = 1; i <= 8; i++) {
      int input = lowest + i & 7;
      int bit = 1 << input;
      boolean serving = (isr & bit) != 0;
      if ((requests & bit) != 0 && (!serving || nests(input))) {
        return input;
      }
      if (serving && !flag(FLAG_SPECIAL_MASK) && !nests(input)) {
        return -1;
      }
    }
    return -1;
  }

  /** Special fully nested mode: the slave may interrupt the master again while it is served. */
  private boolean nests(int input) {
    return master && input == PicSpec.CASCADE && flag(FLAG_FULLY_NESTED);
  }

  /** The acknowledge cycle for {@link #highest}, or the spurious 7; returns the input. */
  int acknowledge(int input) {
    if (input < 0) {
      return 7;
    }
    int bit = 1 << input;
    if (!level(input)) {
      irr &= ~bit;
    }
    if (flag(FLAG_AUTO_EOI)) {
      if (flag(FLAG_ROTATE_ON_AUTO_EOI)) {
        lowest = input;
      }
    } else {
      isr |= bit;
    }
    return input;
  }

  int vector(int input) {
    return base | input;
  }

  int readCommand() {
    if (flag(FLAG_POLL)) {
      return poll();
    }
    return flag(FLAG_READ_ISR) ? isr : irr;
  }

  int readData() {
    return flag(FLAG_POLL) ? poll() : imr;
  }

  private int poll() {
    flag(FLAG_POLL, false);
    int input = highest();
    return input < 0 ? 0 : PicSpec.POLL_PENDING | acknowledge(input);
  }

  void writeCommand(int value) {
    if ((value & PicSpec.ICW1) != 0) {
      initialize(value);
    } else if ((value & PicSpec.OCW3) != 0) {
      if ((value & PicSpec.OCW3_READ) != 0) {
        flag(FLAG_READ_ISR, (value & PicSpec.OCW3_READ_ISR) != 0);
      }
      if ((value & PicSpec.OCW3_MASK_CHANGE) != 0) {
        flag(FLAG_SPECIAL_MASK, (value & PicSpec.OCW3_MASK_SPECIAL) != 0);
      }
      flag(FLAG_POLL, (value & PicSpec.OCW3_POLL) != 0);
    } else {
      operation2(value);
    }
  }

  private void initialize(int icw1) {
    imr = 0;
    isr = 0;
    lowest = 7;
    flags = 0;
    flag(FLAG_ICW4, (icw1 & PicSpec.ICW1_ICW4) != 0);
    flag(FLAG_SINGLE, (icw1 & PicSpec.ICW1_SINGLE) != 0);
    flag(FLAG_ALL_LEVEL, (icw1 & PicSpec.ICW1_LEVEL) != 0);
    // The edge sense circuit is reset: an input must go low before it can interrupt again.
    irr = 0;
    for (int input = 0; input < 8; input++) {
      if (level(input)) {
        irr |= lines & 1 << input;
      }
    }
    initStep = 2;
  }

  private void operation2(int value) {
    boolean rotate = (value & PicSpec.OCW2_ROTATE) != 0;
    if ((value & PicSpec.OCW2_EOI) != 0) {
      int input = (value & PicSpec.OCW2_SPECIFIC) != 0 ? value & 7 : served();
      if (input >= 0) {
        isr &= ~(1 << input);
        if (rotate) {
          lowest = input;
        }
      }
    } else if ((value & PicSpec.OCW2_SPECIFIC) != 0) {
      if (rotate) {
        lowest = value & 7;
      }
    } else {
      flag(FLAG_ROTATE_ON_AUTO_EOI, rotate);
    }
  }

  /** The highest input in service that the special mask mode lets a plain EOI reach, or -1. */
  private int served() {
    int candidates = flag(FLAG_SPECIAL_MASK) ? isr & ~imr : isr;
    for (int i = 1; i <= 8; i++) {
      int input = lowest + i & 7;
      if ((candidates & 1 << input) != 0) {
        return input;
      }
    }
    return -1;
  }

  void writeData(int value) {
    switch (initStep) {
      case 2 -> {
        base = value & 0xf8;
        initStep = flag(FLAG_SINGLE) ? flag(FLAG_ICW4) ? 4 : 0 : 3;
      }
      // ICW3 says how the chips are cascaded, which is wired here.
      case 3 -> initStep = flag(FLAG_ICW4) ? 4 : 0;
      case 4 -> {
        flag(FLAG_AUTO_EOI, (value & PicSpec.ICW4_AUTO_EOI) != 0);
        flag(FLAG_FULLY_NESTED, (value & PicSpec.ICW4_FULLY_NESTED) != 0);
        initStep = 0;
      }
      default -> imr = value & 0xff;
    }
  }

  int elcr() {
    return elcr;
  }

  void elcr(int value) {
    elcr = value & (master ? PicSpec.ELCR_MASTER_WRITABLE : PicSpec.ELCR_SLAVE_WRITABLE);
    irr |= lines & elcr;
  }

  void reset() {
    lines = 0;
    irr = 0;
    isr = 0;
    imr = 0;
    elcr = 0;
    base = 0;
    lowest = 7;
    initStep = 0;
    flags = 0;
  }

  State save() {
    return new State(lines, irr, isr, imr, elcr, base, lowest, initStep, flags);
  }

  void restore(State state) {
    lines = state.lines & 0xff;
    irr = state.irr & 0xff;
    isr = state.isr & 0xff;
    imr = state.imr & 0xff;
    elcr = state.elcr & 0xff;
    base = state.base & 0xf8;
    lowest = state.lowest & 7;
    initStep = state.initStep >= 2 && state.initStep <= 4 ? state.initStep : 0;
    flags = state.flags & FLAGS;
  }
}
