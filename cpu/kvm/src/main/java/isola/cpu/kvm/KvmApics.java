package isola.cpu.kvm;

import isola.core.cpu.EngineApics;
import isola.core.irq.InterruptLine;
import java.util.function.IntConsumer;
import java.util.function.IntSupplier;

/** The kernel's local APICs of one machine, for a board with an I/O APIC and 8259As of its own. */
final class KvmApics implements EngineApics {
  /** Inputs of the board's I/O APIC. */
  static final int INPUTS = 24;

  // Intel SDM vol. 3A 11.11: message address and data.
  private static final long MESSAGE_ADDRESS = 0xfee0_0000L;
  private static final int DESTINATION_SHIFT = 12;
  private static final int ASSERT = 1 << 14;

  private final KvmVm vm;
  private final long[] addresses = new long[INPUTS];
  private final int[] data = new int[INPUTS];
  private volatile IntConsumer ended = vector -> {};
  private volatile IntSupplier acknowledge = () -> -1;
  private volatile Runnable raised = () -> {};
  private volatile boolean external;

  KvmApics(KvmVm vm) {
    this.vm = vm;
  }

  /** Sets what makes the first processor look at {@link #externalAsserted}. */
  void onExternal(Runnable action) {
    raised = action;
  }

  @Override
  public void send(long address, int data) {
    vm.signal(address, data);
  }

  /** Sends one processor a message of a delivery mode without priority: NMI, INIT, start-up. */
  void command(int processor, int modeAndVector) {
    vm.signal(MESSAGE_ADDRESS | (long) processor << DESTINATION_SHIFT, modeAndVector | ASSERT);
  }

  @Override
  public synchronized void route(int input, long address, int message) {
    // Changing routes makes KVM wait for all processors: only when there is something new.
    if (addresses[input] != address || (address != 0 && data[input] != message)) {
      addresses[input] = address;
      data[input] = message;
      vm.route(addresses, data);
    }
  }

  @Override
  public void onEndOfInterrupt(IntConsumer told) {
    ended = told;
  }

  void ended(int vector) {
    ended.accept(vector);
  }

  @Override
  public InterruptLine external() {
    return asserted -> {
      boolean rises = asserted && !external;
      external = asserted;
      if (rises) {
        raised.run();
      }
    };
  }

  boolean externalAsserted() {
    return external;
  }

  @Override
  public void acknowledge(IntSupplier vector) {
    acknowledge = vector;
  }

  int acknowledge() {
    return acknowledge.getAsInt();
  }
}
