package isola.core.cpu;

/**
 * A processor's local interrupt controller as the processor sees it (INTR, INTA and CR8). Engines
 * that keep the controller inside (KVM) do not use it.
 */
public interface InterruptPort {
  /** Whether an interrupt waits that the task priority lets through. Any thread, cheap. */
  boolean pending();

  /**
   * Acknowledges the highest one: its vector (0 to 255), or -1 if it went away. Owner thread of the
   * vCPU.
   */
  int acknowledge();

  /** CR8, 0 to 15: bits 7:4 of the task priority (Intel SDM vol. 3A 10.8.6). */
  int cr8();

  /** Sets CR8 to 0 to 15. */
  void cr8(int value);

  /** A controller that never interrupts. */
  InterruptPort NONE =
      new InterruptPort() {
        @Override
        public boolean pending() {
          return false;
        }

        @Override
        public int acknowledge() {
          return -1;
        }

        @Override
        public int cr8() {
          return 0;
        }

        @Override
        public void cr8(int value) {}
      };
}
