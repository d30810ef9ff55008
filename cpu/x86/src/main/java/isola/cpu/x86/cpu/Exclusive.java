package isola.cpu.x86.cpu;

/**
 * Makes all processors of a machine stand still, for what a host cannot do atomically: locked
 * accesses across words. Called by a vCPU's owner thread inside an instruction.
 */
public interface Exclusive {
  /** A machine with one processor. */
  Exclusive ALONE =
      new Exclusive() {
        @Override
        public void enter() {}

        @Override
        public void leave() {}
      };

  /** Returns when every other processor stands still between two instructions. */
  void enter();

  /** Lets the others go on. */
  void leave();
}
