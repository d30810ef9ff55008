package isola.machine.board;

import isola.core.irq.InterruptLine;

/** Several wires that drive one: asserted while any of them is. Any thread. */
final class SharedLine {
  private final InterruptLine target;
  private int asserted;

  SharedLine(InterruptLine target) {
    this.target = target;
  }

  /** One more wire. */
  InterruptLine wire() {
    return new InterruptLine() {
      private boolean level;

      @Override
      public void set(boolean now) {
        synchronized (SharedLine.this) {
          if (level != now) {
            level = now;
            asserted += now ? 1 : -1;
            target.set(asserted > 0);
          }
        }
      }
    };
  }
}
