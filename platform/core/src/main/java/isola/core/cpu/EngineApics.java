package isola.core.cpu;

import isola.core.irq.InterruptLine;
import isola.core.irq.MessageInterrupts;
import java.util.function.IntConsumer;
import java.util.function.IntSupplier;

/**
 * The local APICs of a machine whose engine keeps them inside itself, as a board sees them: it
 * sends them messages, tells them what the I/O APIC sends, and lends them the 8259As. Any thread;
 * takes no lock of a caller's.
 */
public interface EngineApics extends MessageInterrupts {
  /**
   * Says what an input of the I/O APIC sends from now on, so that the end of level-triggered ones
   * can be told.
   *
   * @param input its number, 0 to 23
   * @param address the message's address, or 0 for an input that is masked or edge-triggered
   * @param data the message's data
   */
  void route(int input, long address, int data);

  /** Sets who is told the vector when a level-triggered interrupt of such an input ends. */
  void onEndOfInterrupt(IntConsumer told);

  /** The wire from the 8259A's INTR to the first processor. */
  InterruptLine external();

  /** Sets who answers the acknowledge cycle of {@link #external}, on the processor's thread. */
  void acknowledge(IntSupplier vector);
}
