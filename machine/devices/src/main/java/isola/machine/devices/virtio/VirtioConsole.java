package isola.machine.devices.virtio;

import isola.core.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The console device with several ports (VirtIO 1.3, 5.3). Port 0 always exists; each port has a
 * receive and a transmit queue, and two control queues carry what happens to ports.
 */
final class VirtioConsole implements VirtioDevice {
  // 5.3.3 Feature bits
  private static final long F_SIZE = 1L;
  private static final long F_MULTIPORT = 1L << 1;

  // 5.3.6.2 Multiport Device Operation
  private static final int DEVICE_READY = 0;
  private static final int PORT_ADD = 1;
  private static final int PORT_READY = 3;
  private static final int CONSOLE_PORT = 4;
  private static final int RESIZE = 5;
  private static final int PORT_OPEN = 6;
  private static final int PORT_NAME = 7;
  private static final int CONTROL_HEADER = 8;
  private static final int CONTROL_LIMIT = 64;

  private static final int CONTROL_RECEIVE = 2;
  private static final int CONTROL_TRANSMIT = 3;
  private static final int QUEUE_SIZE = 64;
  private static final int CHUNK = 1 << 15;

  // Configuration.
  private final List<ConsolePort> ports;
  // Wiring.
  private final List<SplitQueue> queues = new ArrayList<>();
  private final List<QueueWorker> workers = new ArrayList<>();
  // Scratch, under the lock of its user.
  private final byte[] control = new byte[CONTROL_LIMIT];
  // Volatile state, under the lock.
  private final ArrayDeque<byte[]> messages = new ArrayDeque<>();
  private final boolean[] endTold;
  private final boolean[] ready;
  private volatile @Nullable VirtioInterrupts driver;
  private boolean multiport;

  /**
   * A console device.
   *
   * @param ports its ports, 1 to 30; the number in the list is the port's number
   * @param executor works off the queues, each by one thread at a time; a port's output may block
   *     its thread
   */
  VirtioConsole(GuestMemory memory, List<ConsolePort> ports, Executor executor) {
    if (ports.isEmpty() || ports.size() > 30) {
      throw new IllegalArgumentException("a console device has 1 to 30 ports, not " + ports.size());
    }
    this.ports = List.copyOf(ports);
    this.endTold = new boolean[ports.size()];
    this.ready = new boolean[ports.size()];
    for (int q = 0; q < 2 * (ports.size() + 1); q++) {
      int index = q;
      queues.add(new SplitQueue(memory, QUEUE_SIZE));
      workers.add(new QueueWorker(executor, () -> work(index)));
    }
    for (int port = 0; port < ports.size(); port++) {
      int number = port;
      ports
          .get(port)
          .listener(
              new ConsolePort.Listener() {
                @Override
                public void inputReady() {
                  workers.get(receiveQueue(number)).request();
                }

                @Override
                public void resized() {
                  tellSize(number);
                }
              });
    }
  }

  private static int receiveQueue(int port) {
    return port == 0 ? 0 : 2 * (port + 1);
  }

  private static int portOf(int queue) {
    return queue < 2 ? 0 : queue / 2 - 1;
  }

  @Override
  public int type() {
    return VirtioSpec.TYPE_CONSOLE;
  }

  @Override
  public int pciClass() {
    return 0x07_80_00;
  }

  @Override
  public long features() {
    return F_SIZE | F_MULTIPORT;
  }

  @Override
  public List<SplitQueue> queues() {
    return List.copyOf(queues);
  }

  @Override
  public int config(int offset) {
    int value =
        switch (offset & ~3) {
          case 0 -> ports.getFirst().columns() | ports.getFirst().rows() << 16;
          case 4 -> ports.size();
          default -> 0;
        };
    return (value >>> ((offset & 3) * 8)) & 0xff;
  }

  @Override
  public synchronized void start(VirtioInterrupts interrupts, long features) {
    multiport = (features & F_MULTIPORT) != 0;
    driver = interrupts;
    if (!multiport) {
      ready[0] = true;
      ports.getFirst().guestOpen(true);
    }
    workers.forEach(QueueWorker::request);
  }

  @Override
  public void notified(int index) {
    workers.get(index).request();
  }

  @Override
  public synchronized void stop() {
    driver = null;
    messages.clear();
    for (int port = 0; port < ports.size(); port++) {
      endTold[port] = false;
      ready[port] = false;
      ports.get(port).guestOpen(false);
    }
  }

  private void work(int index) {
    VirtioInterrupts interrupts = driver;
    if (interrupts == null) {
      return;
    }
    if (index == CONTROL_RECEIVE) {
      sendMessages(interrupts);
    } else if (index == CONTROL_TRANSMIT) {
      takeMessages(interrupts);
    } else if ((index & 1) == 0) {
      receive(index, interrupts);
    } else {
      transmit(index, interrupts);
    }
  }

  /**
   * Guest to host. Only this queue's worker touches the queue, so the sink may block without
   * holding the device.
   */
  private void transmit(int index, VirtioInterrupts interrupts) {
    ConsolePort port = ports.get(portOf(index));
    byte[] bytes = new byte[CHUNK];
    queues
        .get(index)
        .serve(
            index,
            interrupts,
            request -> {
              long total = request.readableBytes();
              for (long at = 0; at < total; ) {
                int n = (int) Math.min(CHUNK, total - at);
                if (!request.read(at, bytes, 0, n)) {
                  break;
                }
                port.output(bytes, n);
                at += n;
              }
              return 0;
            });
  }

  /** Host to guest. */
  private void receive(int index, VirtioInterrupts interrupts) {
    int number = portOf(index);
    ConsolePort port = ports.get(number);
    SplitQueue queue = queues.get(index);
    // A Linux guest throws away what arrives before a program opened the port
    // (drivers/char/virtio_console.c, in_intr).
    while (port.guestOpen() && port.inputWaits()) {
      DescriptorChain request = queue.next();
      if (request == null) {
        queue.armNotification();
        if (queue.available()) {
          continue;
        }
        break;
      }
      queue.used(request.head(), port.fill(request));
      if (queue.interruptWanted()) {
        interrupts.used(index);
      }
    }
    if (queue.broken()) {
      interrupts.needsReset();
    }
    if (port.atEnd()) {
      tellEnd(number);
    }
  }

  private synchronized void tellEnd(int number) {
    if (multiport && ready[number] && !endTold[number]) {
      endTold[number] = true;
      say(number, PORT_OPEN, 0, new byte[0]);
    }
  }

  private synchronized void tellSize(int number) {
    VirtioInterrupts interrupts = driver;
    if (interrupts == null) {
      return;
    }
    if (!multiport) {
      interrupts.configurationChanged();
    } else if (ready[number]) {
      sayHow(number);
    }
  }

  private void sayHow(int number) {
    ConsolePort port = ports.get(number);
    if (!port.terminal() || port.columns() == 0) {
      return;
    }
    // Linux reads rows first, whatever the specification's structure says (struct
    // virtio_console_resize).
    byte[] size = new byte[4];
    ByteBuffer.wrap(size)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putShort((short) port.rows())
        .putShort((short) port.columns());
    say(number, RESIZE, 0, size);
  }

  private void say(int port, int event, int value, byte[] more) {
    byte[] message = new byte[CONTROL_HEADER + more.length];
    ByteBuffer.wrap(message)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(port)
        .putShort((short) event)
        .putShort((short) value)
        .put(more);
    messages.add(message);
    workers.get(CONTROL_RECEIVE).request();
  }

  private synchronized void sendMessages(VirtioInterrupts interrupts) {
    SplitQueue queue = queues.get(CONTROL_RECEIVE);
    while (!messages.isEmpty()) {
      DescriptorChain request = queue.next();
      if (request == null) {
        queue.armNotification();
        if (queue.available()) {
          continue;
        }
        break;
      }
      byte[] message = messages.remove();
      boolean fits = request.write(0, message, 0, message.length);
      queue.used(request.head(), fits ? message.length : 0);
      if (queue.interruptWanted()) {
        interrupts.used(CONTROL_RECEIVE);
      }
    }
    if (queue.broken()) {
      interrupts.needsReset();
    }
  }

  private synchronized void takeMessages(VirtioInterrupts interrupts) {
    queues
        .get(CONTROL_TRANSMIT)
        .serve(
            CONTROL_TRANSMIT,
            interrupts,
            request -> {
              if (request.read(0, control, 0, CONTROL_HEADER)) {
                ByteBuffer fields = ByteBuffer.wrap(control).order(ByteOrder.LITTLE_ENDIAN);
                take(fields.getInt(0), fields.getShort(4), fields.getShort(6));
              }
              return 0;
            });
  }

  private void take(int number, int event, int value) {
    // A driver that floods the device without taking its answers gets no more of them.
    if (messages.size() > 4 * ports.size() + 16) {
      return;
    }
    if (event == DEVICE_READY) {
      for (int port = 0; value == 1 && port < ports.size(); port++) {
        say(port, PORT_ADD, 1, new byte[0]);
      }
      return;
    }
    if (number < 0 || number >= ports.size()) {
      return;
    }
    ConsolePort port = ports.get(number);
    if (event == PORT_READY && value == 1) {
      ready[number] = true;
      endTold[number] = false;
      if (port.terminal()) {
        say(number, CONSOLE_PORT, 1, new byte[0]);
      }
      say(number, PORT_NAME, 1, port.name().getBytes(StandardCharsets.US_ASCII));
      say(number, PORT_OPEN, 1, new byte[0]);
      sayHow(number);
      workers.get(receiveQueue(number)).request();
    } else if (event == PORT_OPEN) {
      port.guestOpen(value == 1);
      workers.get(receiveQueue(number)).request();
    }
  }
}
