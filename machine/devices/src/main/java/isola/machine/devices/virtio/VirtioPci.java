package isola.machine.devices.virtio;

import isola.core.backend.BlockBackend;
import isola.core.backend.EntropySource;
import isola.core.bus.Doorbells;
import isola.core.bus.MmioDevice;
import isola.core.device.Stateful;
import isola.core.irq.MessageInterrupts;
import isola.core.memory.GuestMemory;
import isola.machine.devices.pci.MsixTable;
import isola.machine.devices.pci.PciCapability;
import isola.machine.devices.pci.PciFunction;
import isola.machine.devices.pci.PciIdentity;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.Executor;

/**
 * A virtio device as a PCI function (VirtIO 1.3, 4.1), without the legacy interface. BAR 0 holds
 * the structures, a page each; BAR 1 the MSI-X table. Any thread.
 */
public final class VirtioPci implements MmioDevice, VirtioInterrupts, Stateful<VirtioPci.State> {
  /**
   * Volatile state of transport and queues; the device behind it keeps none beyond its queues and
   * its backend.
   *
   * @param function configuration space and MSI-X
   * @param common feature negotiation and queue set-up
   * @param queues the queues, in order
   * @param isr interrupt status
   * @param window where the window in configuration space is set to
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(
      PciFunction.State function,
      TransportState common,
      List<QueueState> queues,
      int isr,
      byte[] window) {}

  private static final int STRUCTURES_BAR = 0;
  private static final int MSIX_BAR = 1;
  private static final int PAGE = 0x1000;
  private static final int COMMON_PAGE = 0;
  private static final int ISR_PAGE = 1;
  private static final int DEVICE_PAGE = 2;
  private static final int NOTIFY_PAGE = 3;
  private static final int BAR_SIZE = 4 * PAGE;
  private static final int NOTIFY_MULTIPLIER = 4;
  private static final int VENDOR_CAPABILITY = 0x09;

  // Wiring.
  private final VirtioDevice device;
  private final CommonConfiguration common;
  private final MsixTable msix;
  private final ConfigurationWindow window;
  private final PciFunction function;
  private volatile Runnable driverFound = () -> {};
  // Volatile state, under the lock.
  private int isr;

  /** Puts a device behind a PCI function whose messages go to {@code messages}. */
  private VirtioPci(VirtioDevice device, MessageInterrupts messages) {
    this.device = device;
    int vectors = device.queues().size() + 1;
    this.msix = new MsixTable(vectors, MSIX_BAR, messages);
    this.common = new CommonConfiguration(device, this, vectors);
    this.window = new ConfigurationWindow(this, BAR_SIZE);
    int id = VirtioSpec.PCI_DEVICE_BASE + device.type();
    this.function =
        PciFunction.builder(
                new PciIdentity(
                    VirtioSpec.PCI_VENDOR, id, device.pciClass(), 1, VirtioSpec.PCI_VENDOR, id))
            .memoryBar(STRUCTURES_BAR, BAR_SIZE, this)
            .msix(msix)
            .interruptPin()
            .capability(structure(VirtioSpec.CAP_COMMON_CFG, COMMON_PAGE, VirtioSpec.COMMON_SIZE))
            .capability(structure(VirtioSpec.CAP_ISR_CFG, ISR_PAGE, 1))
            .capability(structure(VirtioSpec.CAP_DEVICE_CFG, DEVICE_PAGE, PAGE))
            .capability(notifyStructure())
            .capability(window)
            .build();
  }

  /**
   * A disk.
   *
   * @param memory where its queues are
   * @param backend its blocks
   * @param id what the guest sees as its serial number, up to 20 ASCII characters
   * @param executor works off the requests, on any of its threads, one at a time
   * @param messages takes its message-signalled interrupts
   */
  public static VirtioPci block(
      GuestMemory memory,
      BlockBackend backend,
      String id,
      Executor executor,
      MessageInterrupts messages) {
    return new VirtioPci(new VirtioBlock(memory, backend, id, executor), messages);
  }

  /**
   * A console device.
   *
   * @param memory where its queues are
   * @param ports its ports, 1 to 30; the place in the list is the port's number
   * @param executor works off the queues; a port's output may block one of its threads
   * @param messages takes its message-signalled interrupts
   */
  public static VirtioPci console(
      GuestMemory memory, List<ConsolePort> ports, Executor executor, MessageInterrupts messages) {
    return new VirtioPci(new VirtioConsole(memory, ports, executor), messages);
  }

  /**
   * An entropy device.
   *
   * @param memory where its queue is
   * @param entropy what it gives
   * @param executor works off the requests
   * @param messages takes its message-signalled interrupts
   */
  public static VirtioPci entropy(
      GuestMemory memory, EntropySource entropy, Executor executor, MessageInterrupts messages) {
    return new VirtioPci(new VirtioEntropy(memory, entropy, executor), messages);
  }

  /** Sets what is told, on the driver's thread, whenever a driver begins to use the device. */
  public void onDriver(Runnable told) {
    driverFound = told;
  }

  /** Requests that the backend failed since power-on. Any thread. */
  public long errors() {
    return device.errors();
  }

  /** The function to plug into a bus. */
  public PciFunction function() {
    return function;
  }

  private static ByteBuffer body(int type, int page, int length, int extra) {
    // 4.1.4: cap_len, cfg_type, bar, id, padding[2], offset, length.
    ByteBuffer body = ByteBuffer.allocate(14 + extra).order(ByteOrder.LITTLE_ENDIAN);
    body.put(0, (byte) (16 + extra)).put(1, (byte) type).put(2, (byte) STRUCTURES_BAR);
    body.putInt(6, page * PAGE).putInt(10, length);
    return body;
  }

  private static PciCapability structure(int type, int page, int length) {
    return PciCapability.constant(VENDOR_CAPABILITY, body(type, page, length, 0).array());
  }

  private static PciCapability notifyStructure() {
    return PciCapability.constant(
        VENDOR_CAPABILITY,
        body(VirtioSpec.CAP_NOTIFY_CFG, NOTIFY_PAGE, PAGE, 4)
            .putInt(14, NOTIFY_MULTIPLIER)
            .array());
  }

  @Override
  public long read(long offset, int size) {
    int local = (int) offset & (PAGE - 1);
    return switch ((int) offset / PAGE) {
      case COMMON_PAGE -> common.read(local, size);
      case ISR_PAGE -> local == 0 ? takeIsr() : 0;
      case DEVICE_PAGE -> {
        long value = 0;
        for (int i = 0; i < size; i++) {
          value |= (long) (device.config(local + i) & 0xff) << (i * 8);
        }
        yield value;
      }
      default -> 0;
    };
  }

  @Override
  public void write(long offset, int size, long value) {
    int local = (int) offset & (PAGE - 1);
    switch ((int) offset / PAGE) {
      case COMMON_PAGE -> {
        boolean before = common.running();
        common.write(local, size, value);
        if (!before && common.running()) {
          driverFound.run();
        }
      }
      case DEVICE_PAGE -> {
        for (int i = 0; i < size; i++) {
          device.config(local + i, (int) (value >>> (i * 8)) & 0xff);
        }
      }
      case NOTIFY_PAGE -> notify(local / NOTIFY_MULTIPLIER);
      default -> {
        // Read-only.
      }
    }
  }

  @Override
  public Doorbells doorbells() {
    return new Doorbells(NOTIFY_PAGE * PAGE, NOTIFY_MULTIPLIER, device.queues().size());
  }

  private void notify(int queue) {
    if (queue < device.queues().size()
        && common.running()
        && device.queues().get(queue).enabled()) {
      device.notified(queue);
    }
  }

  private synchronized int takeIsr() {
    int value = isr;
    isr = 0;
    function.interrupt(false);
    return value;
  }

  private void interrupt(int vector, int cause) {
    if (msix.enabled()) {
      msix.raise(vector);
      return;
    }
    synchronized (this) {
      isr |= cause;
      function.interrupt(true);
    }
  }

  @Override
  public void used(int queue) {
    interrupt(common.vector(queue), VirtioSpec.ISR_QUEUE);
  }

  @Override
  public void configurationChanged() {
    common.nextGeneration();
    interrupt(common.vector(-1), VirtioSpec.ISR_CONFIG);
  }

  @Override
  public void needsReset() {
    if (common.breakDown()) {
      configurationChanged();
    }
  }

  @Override
  public void reset() {
    common.reset();
    function.reset();
    synchronized (this) {
      isr = 0;
    }
  }

  @Override
  public synchronized State save() {
    return new State(
        function.save(),
        common.save(),
        device.queues().stream().map(SplitQueue::save).toList(),
        isr,
        window.save());
  }

  @Override
  public void restore(State state) {
    List<SplitQueue> queues = device.queues();
    if (state.queues.size() != queues.size()) {
      throw new IllegalArgumentException("the saved virtio device has another number of queues");
    }
    window.restore(state.window);
    function.restore(state.function);
    for (int i = 0; i < queues.size(); i++) {
      queues.get(i).restore(state.queues.get(i));
    }
    synchronized (this) {
      isr = state.isr & (VirtioSpec.ISR_QUEUE | VirtioSpec.ISR_CONFIG);
    }
    common.restore(state.common);
  }
}
