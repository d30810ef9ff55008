package isola.core.irq;

/**
 * Where message-signalled interrupts go: the write of {@code data} to {@code address} as PCI Local
 * Bus 3.0, 6.8 describes. Any thread.
 */
@FunctionalInterface
public interface MessageInterrupts {
  /** Delivers one message; a malformed one is dropped as hardware drops it. */
  void send(long address, int data);
}
