package isola.machine.devices.serial;

import isola.core.backend.ByteSink;
import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.time.Clock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A 16550A serial port. The transmitter takes no time: a byte is at the sink when the write
 * returns. The receiver never overruns: {@link #offer} takes what there is room for, and {@link
 * #onRoom} tells when to go on. Any thread.
 */
public final class Uart16550 implements PortDevice, Stateful<Uart16550.State> {
  /**
   * Volatile state.
   *
   * @param registers IER, LCR, MCR, FCR, divisor, scratch, line status, modem status and its
   *     deltas, whether the transmitter's interrupt is due and whether input has waited
   * @param received bytes in the receiver
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(int[] registers, byte[] received) {}

  private static final int CONNECTED = UartSpec.MSR_CTS | UartSpec.MSR_DSR | UartSpec.MSR_DCD;
  private static final int REGISTERS = 10;

  // Wiring.
  private final InterruptLine interrupt;
  private final ByteSink output;
  private final Clock.Timer alarm;
  private final Clock clock;
  private volatile Runnable room = () -> {};

  /** Keeps output in order while it is handed to the sink outside the device's lock. */
  private final ReentrantLock outputOrder = new ReentrantLock();

  private final byte[] outputByte = new byte[1];

  // Volatile state.
  private final byte[] received = new byte[UartSpec.FIFO_BYTES];
  private int first;
  private int count;
  private int ier;
  private int lcr;
  private int mcr;
  private int fcr;
  private int divisor = 12;
  private int scratch;
  private int lineErrors;
  private int modem = CONNECTED;
  private boolean emptyDue;
  private boolean waited;

  /** Whether the host was told to wait for room. */
  private boolean refused;

  /**
   * A port as after power-on, with something connected that is ready.
   *
   * @param interrupt its request
   * @param output where transmitted bytes go; called on the vCPU's thread, which it may hold up
   */
  public Uart16550(Clock clock, InterruptLine interrupt, ByteSink output) {
    this.clock = clock;
    this.interrupt = interrupt;
    this.output = output;
    alarm = clock.timer(this::timeout);
  }

  /** Sets what is run, on a vCPU's thread with no lock held, when the receiver has room again. */
  public void onRoom(Runnable action) {
    room = action;
  }

  /**
   * Gives the receiver up to {@code length} bytes; returns how many it took. What it did not take
   * is to be offered again after {@link #onRoom}'s action.
   */
  public synchronized int offer(byte[] bytes, int offset, int length) {
    int taken = 0;
    boolean open = (mcr & UartSpec.MCR_LOOP) == 0;
    while (open && taken < length && count < capacity()) {
      push(bytes[offset + taken]);
      taken++;
    }
    refused = taken < length;
    if (taken > 0) {
      startTimeout();
      update();
    }
    return taken;
  }

  /** A break condition arrives. */
  public synchronized void sendBreak() {
    if (count < capacity()) {
      push((byte) 0);
    }
    lineErrors |= UartSpec.LSR_BREAK;
    update();
  }

  private boolean fifos() {
    return (fcr & UartSpec.FCR_ENABLE) != 0;
  }

  private int capacity() {
    return fifos() ? UartSpec.FIFO_BYTES : 1;
  }

  private void push(byte value) {
    received[(first + count) % UartSpec.FIFO_BYTES] = value;
    count++;
  }

  private int trigger() {
    if (!fifos()) {
      return 1;
    }
    return switch (fcr >> 6 & 3) {
      case 0 -> 1;
      case 1 -> 4;
      case 2 -> 8;
      default -> 14;
    };
  }

  /** 8.11: bytes below the trigger level interrupt after four character times without a change. */
  private void startTimeout() {
    waited = false;
    if (fifos() && count > 0) {
      alarm.schedule(clock.nanos() + 4 * UartSpec.CHARACTER_NANOS);
    } else {
      alarm.cancel();
    }
  }

  private synchronized void timeout() {
    waited = fifos() && count > 0;
    update();
  }

  private int lineStatus() {
    return UartSpec.LSR_EMPTY | lineErrors | (count > 0 ? UartSpec.LSR_DATA : 0);
  }

  /** The interrupt of highest priority that is enabled, as IIR names it (table III). */
  private int identification() {
    if ((ier & UartSpec.IER_LINE) != 0 && lineErrors != 0) {
      return UartSpec.IIR_LINE;
    }
    if ((ier & UartSpec.IER_RECEIVED) != 0) {
      if (count >= trigger()) {
        return UartSpec.IIR_RECEIVED;
      }
      if (waited && count > 0) {
        return UartSpec.IIR_TIMEOUT;
      }
    }
    if ((ier & UartSpec.IER_EMPTY) != 0 && emptyDue) {
      return UartSpec.IIR_EMPTY;
    }
    if ((ier & UartSpec.IER_MODEM) != 0 && (modem & 0xf) != 0) {
      return UartSpec.IIR_MODEM;
    }
    return UartSpec.IIR_NONE;
  }

  private void update() {
    // On a PC OUT2 switches the request on; firmware and systems that forget it poll.
    boolean connected = (mcr & UartSpec.MCR_LOOP) == 0;
    interrupt.set(identification() != UartSpec.IIR_NONE && connected);
  }

  // Registers.

  @Override
  public int in(int offset, int size) {
    boolean freed = false;
    int value;
    synchronized (this) {
      boolean divisorLatch = (lcr & UartSpec.LCR_DIVISOR) != 0;
      switch (offset) {
        case UartSpec.DATA -> {
          freed = !divisorLatch && count > 0 && refused;
          value = divisorLatch ? divisor & 0xff : receive();
        }
        case UartSpec.IER -> value = divisorLatch ? divisor >> 8 : ier;
        case UartSpec.IIR -> {
          value = identification() | (fifos() ? UartSpec.IIR_FIFOS : 0);
          if ((value & 0xf) == UartSpec.IIR_EMPTY) {
            emptyDue = false;
          }
        }
        case UartSpec.LCR -> value = lcr;
        case UartSpec.MCR -> value = mcr;
        case UartSpec.LSR -> {
          value = lineStatus();
          lineErrors = 0;
        }
        case UartSpec.MSR -> {
          value = modem;
          modem &= 0xf0;
        }
        default -> value = scratch;
      }
      update();
    }
    if (freed) {
      room.run();
    }
    return value | 0xffff_ff00;
  }

  private int receive() {
    if (count == 0) {
      return 0;
    }
    int value = received[first] & 0xff;
    first = (first + 1) % UartSpec.FIFO_BYTES;
    count--;
    startTimeout();
    return value;
  }

  @Override
  public void out(int offset, int size, int value) {
    int written = value & 0xff;
    if (offset == UartSpec.DATA && transmits()) {
      transmit(written);
      return;
    }
    boolean freed;
    synchronized (this) {
      freed = write(offset, written) && refused;
      update();
    }
    if (freed) {
      room.run();
    }
  }

  private synchronized boolean transmits() {
    return (lcr & UartSpec.LCR_DIVISOR) == 0 && (mcr & UartSpec.MCR_LOOP) == 0;
  }

  private void transmit(int value) {
    outputOrder.lock();
    try {
      outputByte[0] = (byte) value;
      output.accept(outputByte, 0, 1);
    } finally {
      outputOrder.unlock();
    }
    synchronized (this) {
      emptyDue = true;
      update();
    }
  }

  /** Writes a register; returns whether the receiver has room that it had not. */
  private boolean write(int offset, int value) {
    boolean divisorLatch = (lcr & UartSpec.LCR_DIVISOR) != 0;
    switch (offset) {
      case UartSpec.DATA -> {
        if (divisorLatch) {
          divisor = (divisor & 0xff00) | value;
        } else if (count < capacity()) {
          // Loopback: the transmitter feeds the receiver.
          push((byte) value);
          startTimeout();
          emptyDue = true;
        } else {
          lineErrors |= UartSpec.LSR_OVERRUN;
          emptyDue = true;
        }
      }
      case UartSpec.IER -> {
        if (divisorLatch) {
          divisor = (divisor & 0xff) | value << 8;
        } else {
          // Enabling the transmitter's interrupt while it is empty gives one at once.
          emptyDue |= (value & ~ier & UartSpec.IER_EMPTY) != 0;
          ier = value & 0xf;
        }
      }
      case UartSpec.IIR -> {
        return writeFifoControl(value);
      }
      case UartSpec.LCR -> lcr = value;
      case UartSpec.MCR -> {
        boolean leavesLoop = (mcr & ~value & UartSpec.MCR_LOOP) != 0;
        mcr = value & 0x1f;
        modemLines();
        return leavesLoop;
      }
      case UartSpec.SCRATCH -> scratch = value;
      default -> {
        // LSR and MSR are read-only for all but factory tests.
      }
    }
    return false;
  }

  private boolean writeFifoControl(int value) {
    boolean clear =
        ((value ^ fcr) & UartSpec.FCR_ENABLE) != 0
            || (value & UartSpec.FCR_ENABLE & value >> 1) != 0;
    fcr = (value & UartSpec.FCR_ENABLE) != 0 ? value & 0xc9 : 0;
    if (clear) {
      first = 0;
      count = 0;
      startTimeout();
    }
    return clear;
  }

  /** In loopback the modem outputs are the inputs (8.8). */
  private void modemLines() {
    int lines = CONNECTED;
    if ((mcr & UartSpec.MCR_LOOP) != 0) {
      lines =
          ((mcr & UartSpec.MCR_RTS) != 0 ? UartSpec.MSR_CTS : 0)
              | ((mcr & UartSpec.MCR_DTR) != 0 ? UartSpec.MSR_DSR : 0)
              | ((mcr & UartSpec.MCR_OUT1) != 0 ? UartSpec.MSR_RI : 0)
              | ((mcr & UartSpec.MCR_OUT2) != 0 ? UartSpec.MSR_DCD : 0);
    }
    int changed = (lines ^ modem) >> 4;
    // The ring indicator's delta is set by its trailing edge alone.
    if ((lines & UartSpec.MSR_RI) != 0) {
      changed &= ~UartSpec.MSR_DELTA_RI;
    }
    modem = lines | (modem & 0xf) | changed;
  }

  @Override
  public synchronized void reset() {
    first = 0;
    count = 0;
    ier = 0;
    lcr = 0;
    mcr = 0;
    fcr = 0;
    divisor = 12;
    scratch = 0;
    lineErrors = 0;
    modem = CONNECTED;
    emptyDue = false;
    waited = false;
    alarm.cancel();
    update();
  }

  @Override
  public synchronized State save() {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = received[(first + i) % UartSpec.FIFO_BYTES];
    }
    int[] registers = {
      ier, lcr, mcr, fcr, divisor, scratch, lineErrors, modem, emptyDue ? 1 : 0, waited ? 1 : 0
    };
    return new State(registers, bytes);
  }

  @Override
  public synchronized void restore(State state) {
    if (state.registers.length != REGISTERS || state.received.length > UartSpec.FIFO_BYTES) {
      throw new IllegalArgumentException("the saved state is not a 16550A's");
    }
    ier = state.registers[0] & 0xf;
    lcr = state.registers[1] & 0xff;
    mcr = state.registers[2] & 0x1f;
    fcr = state.registers[3] & 0xc9;
    divisor = state.registers[4] & 0xffff;
    scratch = state.registers[5] & 0xff;
    lineErrors = state.registers[6] & 0x1e;
    modem = state.registers[7] & 0xff;
    emptyDue = state.registers[8] != 0;
    first = 0;
    count = state.received.length;
    System.arraycopy(state.received, 0, received, 0, count);
    startTimeout();
    waited = state.registers[9] != 0;
    update();
  }
}
