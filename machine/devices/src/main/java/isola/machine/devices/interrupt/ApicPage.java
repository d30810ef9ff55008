package isola.machine.devices.interrupt;

import isola.core.memory.RawMemory;

/**
 * The state of a local APIC as a page of its registers (Intel SDM vol. 3A 10.4.1, table 10-1),
 * which is how engines that have it inside themselves keep it: so that a saved machine can go on
 * with either. In x2APIC mode too, the identification stands in the high byte.
 *
 * <p>The page does not tell the errors since ESR was last written, nor a waiting external
 * interrupt.
 */
public final class ApicPage {
  /** Where the timer's current count is, 4 bytes. */
  public static final int CURRENT_COUNT = ApicSpec.CURRENT_COUNT;

  /** Bytes that are read and written: up to the last register. */
  public static final int SIZE = 0x400;

  private static final int WORDS = 8;

  private ApicPage() {}

  /**
   * The state that a page holds.
   *
   * @param page host address of {@link #SIZE} bytes
   * @param base IA32_APIC_BASE
   * @param deadline IA32_TSC_DEADLINE
   * @param nanos the machine's clock, at which the current count is what the page says
   */
  public static LocalApic.State state(long page, long base, long deadline, long nanos) {
    int[] lvt = new int[ApicSpec.LVT_ENTRIES];
    for (int i = 0; i < lvt.length; i++) {
      int register = ApicSpec.LVT_TIMER + 16 * i;
      lvt[i] = word(page, register) & ApicSpec.lvtWritable(register);
    }
    long[] vectors = new long[12];
    vectors(page, ApicSpec.IRR, vectors, 0);
    vectors(page, ApicSpec.ISR, vectors, 4);
    vectors(page, ApicSpec.TMR, vectors, 8);
    long initial = word(page, ApicSpec.INITIAL_COUNT) & 0xffff_ffffL;
    long remaining = word(page, ApicSpec.CURRENT_COUNT) & 0xffff_ffffL;
    boolean deadlineMode = (lvt[0] & ApicSpec.LVT_TIMER_DEADLINE) != 0;
    return new LocalApic.State(
        base,
        word(page, ApicSpec.ID) >>> 24,
        word(page, ApicSpec.TPR),
        word(page, ApicSpec.LDR),
        word(page, ApicSpec.DFR),
        word(page, ApicSpec.SVR),
        word(page, ApicSpec.ESR) & 0xff,
        word(page, ApicSpec.ICR) & 0xffff_ffffL | (long) word(page, ApicSpec.ICR_HIGH) << 32,
        lvt,
        vectors,
        false,
        new LocalApic.TimerState(
            word(page, ApicSpec.DIVIDE),
            initial,
            !deadlineMode && remaining != 0,
            remaining,
            nanos,
            deadline));
  }

  /**
   * Puts a state into a page.
   *
   * @param page host address of {@link #SIZE} bytes
   * @param nanos the machine's clock
   */
  public static void fill(long page, LocalApic.State state, long nanos) {
    RawMemory.fill(page, SIZE, (byte) 0);
    word(page, ApicSpec.ID, state.id() << 24);
    word(page, ApicSpec.VERSION, ApicSpec.VERSION_VALUE);
    word(page, ApicSpec.TPR, state.tpr());
    word(page, ApicSpec.LDR, state.ldr());
    word(page, ApicSpec.DFR, state.dfr());
    word(page, ApicSpec.SVR, state.svr());
    word(page, ApicSpec.ESR, state.errors() & 0xff);
    word(page, ApicSpec.ICR, (int) state.icr());
    word(page, ApicSpec.ICR_HIGH, (int) (state.icr() >>> 32));
    for (int i = 0; i < state.lvt().length; i++) {
      word(page, ApicSpec.LVT_TIMER + 16 * i, state.lvt()[i]);
    }
    for (int i = 0; i < WORDS; i++) {
      int shift = (i & 1) * 32;
      word(page, ApicSpec.IRR + 16 * i, (int) (state.vectors()[i / 2] >>> shift));
      word(page, ApicSpec.ISR + 16 * i, (int) (state.vectors()[4 + i / 2] >>> shift));
      word(page, ApicSpec.TMR + 16 * i, (int) (state.vectors()[8 + i / 2] >>> shift));
    }
    word(page, ApicSpec.DIVIDE, state.timer().divide());
    word(page, ApicSpec.INITIAL_COUNT, (int) state.timer().initial());
    word(
        page, ApicSpec.CURRENT_COUNT, ApicTimer.currentCount(state.timer(), state.lvt()[0], nanos));
  }

  private static void vectors(long page, int register, long[] to, int from) {
    for (int i = 0; i < WORDS; i++) {
      to[from + i / 2] |= (word(page, register + 16 * i) & 0xffff_ffffL) << ((i & 1) * 32);
    }
  }

  private static int word(long page, int register) {
    return RawMemory.getInt(page + register);
  }

  private static void word(long page, int register, int value) {
    RawMemory.putInt(page + register, value);
  }
}
