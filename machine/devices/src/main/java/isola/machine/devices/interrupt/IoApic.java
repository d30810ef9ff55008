package isola.machine.devices.interrupt;

import isola.core.bus.MmioDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import java.util.Arrays;

/**
 * The 82093AA I/O APIC with 24 inputs and the EOI register of its successors. Any thread.
 *
 * <p>Polarity is stored and otherwise ignored: an asserted wire is an active input.
 */
public final class IoApic implements MmioDevice, Stateful<IoApic.State> {
  /**
   * Volatile state.
   *
   * @param select the register select
   * @param id the id register
   * @param lines levels of the inputs, a bit each
   * @param entries the redirection table
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(int select, int id, int lines, long[] entries) {}

  // Wiring.
  private final ApicBus bus;

  // Volatile state.
  private final long[] entries = new long[ApicSpec.IO_INPUTS];
  private int select;
  private int id;
  private int lines;

  /** An I/O APIC with every input masked. */
  public IoApic(ApicBus bus) {
    this.bus = bus;
    Arrays.fill(entries, ApicSpec.IO_MASKED);
    bus.add(this);
  }

  /** The wire of an input, 0 to 23. */
  public InterruptLine input(int number) {
    if (number < 0 || number >= ApicSpec.IO_INPUTS) {
      throw new IllegalArgumentException("the I/O APIC has no input " + number);
    }
    return asserted -> set(number, asserted);
  }

  private synchronized void set(int input, boolean asserted) {
    int bit = 1 << input;
    boolean was = (lines & bit) != 0;
    lines = asserted ? lines | bit : lines & ~bit;
    if (!asserted || was) {
      return;
    }
    if ((entries[input] & ApicSpec.IO_LEVEL) != 0) {
      serviceLevel(input);
    } else if ((entries[input] & ApicSpec.IO_MASKED) == 0) {
      // An edge at a masked input is lost, as the data sheet says of the mask bit.
      deliver(input);
    }
  }

  private void serviceLevel(int input) {
    long entry = entries[input];
    long blocked = entry & (ApicSpec.IO_MASKED | ApicSpec.IO_REMOTE_IRR);
    if (blocked == 0 && (entry & ApicSpec.IO_LEVEL) != 0 && (lines & 1 << input) != 0) {
      int mode = (int) (entry >> 8) & 7;
      if (mode == ApicSpec.FIXED || mode == ApicSpec.LOWEST_PRIORITY) {
        entries[input] |= ApicSpec.IO_REMOTE_IRR;
      }
      deliver(input);
    }
  }

  private void deliver(int input) {
    long entry = entries[input];
    bus.deliver(
        (int) (entry >>> 56),
        ApicBus.BROADCAST_8,
        (entry & ApicSpec.IO_LOGICAL) != 0,
        (int) (entry >> 8) & 7,
        (int) entry & 0xff,
        (entry & ApicSpec.IO_LEVEL) != 0);
  }

  /** A local APIC has ended a level-triggered interrupt, or the guest wrote the EOI register. */
  synchronized void endOfInterrupt(int vector) {
    for (int input = 0; input < entries.length; input++) {
      long entry = entries[input];
      if ((entry & 0xff) == vector
          && (entry & ApicSpec.IO_LEVEL) != 0
          && (entry & ApicSpec.IO_REMOTE_IRR) != 0) {
        entries[input] = entry & ~ApicSpec.IO_REMOTE_IRR;
        serviceLevel(input);
      }
    }
  }

  @Override
  public synchronized long read(long offset, int size) {
    long register =
        switch ((int) offset & ~3) {
          case ApicSpec.IO_SELECT -> select;
          case ApicSpec.IO_WINDOW -> readRegister();
          default -> 0;
        };
    return (register & 0xffff_ffffL) >>> ((offset & 3) * 8);
  }

  private int readRegister() {
    return switch (select) {
      case ApicSpec.IO_ID, ApicSpec.IO_ARBITRATION -> id;
      case ApicSpec.IO_VERSION -> ApicSpec.IO_VERSION_VALUE;
      default -> {
        int input = (select - ApicSpec.IO_REDIRECTION) >> 1;
        yield input >= 0 && input < entries.length
            ? (int) (entries[input] >>> ((select & 1) * 32))
            : 0;
      }
    };
  }

  @Override
  public synchronized void write(long offset, int size, long value) {
    switch ((int) offset) {
      case ApicSpec.IO_SELECT -> select = (int) value & 0xff;
      case ApicSpec.IO_WINDOW -> writeRegister((int) value);
      case ApicSpec.IO_EOI -> endOfInterrupt((int) value & 0xff);
      default -> {
        // Nothing there.
      }
    }
  }

  private void writeRegister(int value) {
    int input = (select - ApicSpec.IO_REDIRECTION) >> 1;
    if (select == ApicSpec.IO_ID) {
      id = value & ApicSpec.IO_ID_WRITABLE;
    } else if (input >= 0 && input < entries.length) {
      int shift = (select & 1) * 32;
      long mask = ApicSpec.IO_WRITABLE & 0xffff_ffffL << shift;
      long entry = (entries[input] & ~mask) | ((long) value << shift & mask);
      if ((entry & ApicSpec.IO_LEVEL) == 0) {
        // Software without an EOI register clears a stuck remote IRR by a visit to edge mode.
        entry &= ~ApicSpec.IO_REMOTE_IRR;
      }
      entries[input] = entry;
      bus.route(input, entry);
      serviceLevel(input);
    }
  }

  @Override
  public synchronized void reset() {
    Arrays.fill(entries, ApicSpec.IO_MASKED);
    routeAll();
    select = 0;
    id = 0;
  }

  private void routeAll() {
    for (int input = 0; input < entries.length; input++) {
      bus.route(input, entries[input]);
    }
  }

  @Override
  public synchronized State save() {
    return new State(select, id, lines, entries.clone());
  }

  @Override
  public synchronized void restore(State state) {
    if (state.entries.length != entries.length) {
      throw new IllegalArgumentException("the saved I/O APIC has another number of inputs");
    }
    select = state.select & 0xff;
    id = state.id & ApicSpec.IO_ID_WRITABLE;
    lines = state.lines;
    for (int i = 0; i < entries.length; i++) {
      entries[i] = state.entries[i] & (ApicSpec.IO_WRITABLE | ApicSpec.IO_REMOTE_IRR);
    }
    routeAll();
  }
}
