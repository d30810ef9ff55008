package isola.machine.devices.pci;

import isola.core.bus.MmioDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A PCI function: a type 0 configuration space (PCI Local Bus 3.0, 6.1), its BARs, capabilities and
 * interrupt pin. A device builds one with {@link #builder}, keeps it, and hands it to {@link
 * PciBus#plug}.
 *
 * <p>Any thread; see the package for lock order.
 */
public final class PciFunction implements Stateful<PciFunction.State> {
  /**
   * Volatile state.
   *
   * @param config the 256 bytes of configuration space without the capabilities' contents
   * @param interrupt whether the device asserts its pin
   * @param msix the MSI-X table's state, or null if it has none
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(byte[] config, boolean interrupt, MsixTable.@Nullable State msix) {}

  /** Told, with no lock held, after device-specific registers were written, reset or restored. */
  @FunctionalInterface
  public interface ConfigObserver {
    /** Bytes {@code offset} to {@code offset + size - 1} may have changed. */
    void written(int offset, int size);
  }

  private record Window(int start, PciCapability capability) {
    boolean holds(int offset) {
      // The id and next pointer are the function's.
      return offset >= start + 2 && offset < start + capability.length();
    }
  }

  // Configuration.
  private final byte[] powerOn;
  private final byte[] writable;
  private final List<Bar> bars;
  private final List<Window> windows;
  private final @Nullable MsixTable msix;
  private final @Nullable ConfigObserver observer;
  private final boolean pin;

  // Wiring, from the bus.
  private @Nullable BarSpace space;
  private InterruptLine line = InterruptLine.unconnected();

  // Volatile state.
  private final byte[] config;
  private boolean interrupt;

  private PciFunction(Builder builder) {
    powerOn = builder.config.clone();
    writable = builder.writable.clone();
    bars = List.copyOf(builder.bars);
    msix = builder.msix;
    observer = builder.observer;
    pin = builder.config[PciSpec.INTERRUPT_PIN] != 0;
    config = powerOn.clone();
    windows = List.copyOf(builder.windows);
  }

  /** Begins a function. */
  public static Builder builder(PciIdentity identity) {
    return new Builder(identity);
  }

  /** Joins the function to its slot. */
  synchronized void connect(BarSpace where, InterruptLine wire) {
    space = where;
    line = wire;
    update();
  }

  /** Takes it out of its slot: nothing is decoded and its pin is low. */
  synchronized void disconnect() {
    BarSpace where = space;
    if (where != null) {
      bars.forEach(bar -> where.move(bar, Bar.NOWHERE));
    }
    line.set(false);
    space = null;
    line = InterruptLine.unconnected();
  }

  synchronized void markMultifunction() {
    config[PciSpec.HEADER_TYPE] |= (byte) PciSpec.HEADER_MULTIFUNCTION;
    powerOn[PciSpec.HEADER_TYPE] |= (byte) PciSpec.HEADER_MULTIFUNCTION;
  }

  /** The BARs, for the firmware. */
  List<Bar> bars() {
    return bars;
  }

  /** Whether it has an interrupt pin (always INTA#). */
  boolean hasPin() {
    return pin;
  }

  /** Whether the guest lets the function read and write memory (command register bit 2). */
  public synchronized boolean busMaster() {
    return (command() & PciSpec.COMMAND_MASTER) != 0;
  }

  /** Asserts or deasserts the interrupt pin, as far as the guest has not disabled it. */
  public synchronized void interrupt(boolean asserted) {
    interrupt = asserted;
    driveLine();
  }

  private int command() {
    return word(PciSpec.COMMAND);
  }

  private int word(int offset) {
    return (config[offset] & 0xff) | (config[offset + 1] & 0xff) << 8;
  }

  /** A register's stored value, as a device sees its own: 1, 2 or 4 bytes. */
  public synchronized int register(int offset, int size) {
    int value = 0;
    for (int i = 0; i < size; i++) {
      value |= (config[offset + i] & 0xff) << (i * 8);
    }
    return value;
  }

  /**
   * Reads configuration space: 1, 2 or 4 bytes at 0 to 4095, not crossing an aligned word. Past the
   * conventional 256 bytes it is empty: zeros, which end the list of extended capabilities.
   */
  public int readConfig(int offset, int size) {
    int value = 0;
    for (int i = 0; i < size; ) {
      Window window = windowAt(offset + i);
      int step = 1;
      int part;
      if (window != null) {
        int rest = window.start + window.capability.length() - (offset + i);
        step = rest >= size - i && i == 0 ? size : 1;
        part = window.capability.read(offset + i - window.start, step);
      } else {
        part = byteAt(offset + i);
      }
      value |= part << (i * 8);
      i += step;
    }
    return value;
  }

  private @Nullable Window windowAt(int offset) {
    for (Window window : windows) {
      if (window.holds(offset)) {
        return window;
      }
    }
    return null;
  }

  private synchronized int byteAt(int offset) {
    if (offset >= PciSpec.CONFIG_BYTES) {
      return 0;
    }
    int value = config[offset] & 0xff;
    if (offset == PciSpec.STATUS && interrupt) {
      value |= PciSpec.STATUS_INTERRUPT;
    }
    return value;
  }

  /** Writes configuration space: 1, 2 or 4 bytes at 0 to 4095, not crossing an aligned word. */
  public void writeConfig(int offset, int size, int value) {
    boolean own = false;
    for (int i = 0; i < size; ) {
      Window window = windowAt(offset + i);
      int step = 1;
      if (window != null) {
        int rest = window.start + window.capability.length() - (offset + i);
        step = rest >= size - i && i == 0 ? size : 1;
        window.capability.write(offset + i - window.start, step, value >>> (i * 8));
      } else if (offset + i < PciSpec.CONFIG_BYTES) {
        own |= writeByte(offset + i, value >>> (i * 8));
      }
      i += step;
    }
    if (own) {
      synchronized (this) {
        update();
      }
      if (observer != null && offset >= PciSpec.HEADER_BYTES) {
        observer.written(offset, size);
      }
    }
  }

  private synchronized boolean writeByte(int offset, int value) {
    int mask = writable[offset];
    config[offset] = (byte) ((config[offset] & ~mask) | (value & mask));
    return mask != 0;
  }

  /** Makes BARs, bus mastering and the interrupt line follow the registers. */
  private void update() {
    BarSpace where = space;
    if (where != null) {
      for (Bar bar : bars) {
        where.move(bar, decoded(bar));
      }
    }
    if (msix != null) {
      msix.master(busMaster());
    }
    driveLine();
  }

  private long decoded(Bar bar) {
    int enable = bar.kind == Bar.Kind.PORT ? PciSpec.COMMAND_IO : PciSpec.COMMAND_MEMORY;
    if ((command() & enable) == 0) {
      return Bar.NOWHERE;
    }
    int at = PciSpec.BAR0 + bar.index * 4;
    long low = register(at, 4) & 0xffff_ffffL;
    return switch (bar.kind) {
      case PORT -> low & ~PciSpec.BAR_IO_FLAGS;
      case MEMORY_32 -> low & ~PciSpec.BAR_MEMORY_FLAGS;
      case MEMORY_64 -> (low & ~PciSpec.BAR_MEMORY_FLAGS) | (long) register(at + 4, 4) << 32;
    };
  }

  private void driveLine() {
    line.set(interrupt && (command() & PciSpec.COMMAND_INTX_DISABLE) == 0);
  }

  @Override
  public void reset() {
    synchronized (this) {
      System.arraycopy(powerOn, 0, config, 0, config.length);
      interrupt = false;
      if (msix != null) {
        msix.reset();
      }
      update();
    }
    tellAll();
  }

  private void tellAll() {
    if (observer != null) {
      observer.written(PciSpec.HEADER_BYTES, PciSpec.CONFIG_BYTES - PciSpec.HEADER_BYTES);
    }
  }

  @Override
  public synchronized State save() {
    return new State(config.clone(), interrupt, msix == null ? null : msix.save());
  }

  @Override
  public void restore(State state) {
    if (state.config.length != config.length || (state.msix == null) != (msix == null)) {
      throw new IllegalArgumentException("the saved state is another PCI function's");
    }
    synchronized (this) {
      if (msix != null && state.msix != null) {
        msix.restore(state.msix);
      }
      for (int i = 0; i < config.length; i++) {
        config[i] = (byte) ((powerOn[i] & ~writable[i]) | (state.config[i] & writable[i]));
      }
      interrupt = state.interrupt;
      update();
    }
    tellAll();
  }

  /** Puts a function together; capabilities are laid out in the order they are added. */
  public static final class Builder {
    private final byte[] config = new byte[PciSpec.CONFIG_BYTES];
    private final byte[] writable = new byte[PciSpec.CONFIG_BYTES];
    private final List<Bar> bars = new ArrayList<>();
    private final List<Window> windows = new ArrayList<>();
    private @Nullable MsixTable msix;
    private @Nullable ConfigObserver observer;
    private int nextCapability = PciSpec.HEADER_BYTES;
    private int lastPointer = PciSpec.CAPABILITIES_POINTER;

    private Builder(PciIdentity identity) {
      put(PciSpec.VENDOR_ID, 2, identity.vendor(), 0);
      put(PciSpec.DEVICE_ID, 2, identity.device(), 0);
      put(PciSpec.COMMAND, 2, 0, PciSpec.COMMAND_WRITABLE);
      put(PciSpec.REVISION_ID, 1, identity.revision(), 0);
      put(PciSpec.CLASS_CODE, 3, identity.classCode(), 0);
      put(PciSpec.CACHE_LINE_SIZE, 1, 0, 0xff);
      put(PciSpec.LATENCY_TIMER, 1, 0, 0xff);
      put(PciSpec.SUBSYSTEM_VENDOR_ID, 2, identity.subsystemVendor(), 0);
      put(PciSpec.SUBSYSTEM_ID, 2, identity.subsystem(), 0);
    }

    private void put(int offset, int size, int value, int mask) {
      for (int i = 0; i < size; i++) {
        config[offset + i] = (byte) (value >>> (i * 8));
        writable[offset + i] = (byte) (mask >>> (i * 8));
      }
    }

    /** A BAR in I/O ports, 4 to 256 of them; the contents answer at local offsets. */
    public Builder portBar(int index, int size, MmioDevice contents) {
      return bar(new Bar(index, Bar.Kind.PORT, size, false, contents));
    }

    /** A BAR in the first 4 GiB, 16 bytes to 2 GiB. */
    public Builder memoryBar(int index, long size, MmioDevice contents) {
      return bar(new Bar(index, Bar.Kind.MEMORY_32, size, false, contents));
    }

    /** A BAR anywhere in memory, 16 bytes to 1 TiB; it takes the next register too. */
    public Builder memoryBar64(int index, long size, boolean prefetchable, MmioDevice contents) {
      return bar(new Bar(index, Bar.Kind.MEMORY_64, size, prefetchable, contents));
    }

    private Builder bar(Bar bar) {
      for (Bar other : bars) {
        if (bar.index < other.index + Bar.registers(other.kind)
            && other.index < bar.index + Bar.registers(bar.kind)) {
          throw new IllegalArgumentException("BAR %d is there already".formatted(bar.index));
        }
      }
      bars.add(bar);
      int at = PciSpec.BAR0 + bar.index * 4;
      put(at, 4, bar.flags(), (int) -bar.size);
      if (bar.kind == Bar.Kind.MEMORY_64) {
        put(at + 4, 4, 0, (int) (-bar.size >> 32));
      }
      return this;
    }

    /** An interrupt pin, INTA#. */
    public Builder interruptPin() {
      put(PciSpec.INTERRUPT_LINE, 1, 0, 0xff);
      put(PciSpec.INTERRUPT_PIN, 1, 1, 0);
      return this;
    }

    /** The next capability, at the next multiple of four. */
    public Builder capability(PciCapability capability) {
      int at = nextCapability;
      if (at + capability.length() > PciSpec.CONFIG_BYTES) {
        throw new IllegalArgumentException("the capabilities do not fit into 256 bytes");
      }
      put(at, 1, capability.id(), 0);
      put(lastPointer, 1, at, 0);
      put(PciSpec.STATUS, 2, PciSpec.STATUS_CAPABILITIES, 0);
      lastPointer = at + 1;
      nextCapability = at + capability.length() + 3 & ~3;
      windows.add(new Window(at, capability));
      return this;
    }

    /** MSI-X: the capability, and the 32-bit memory BAR that holds the table. */
    public Builder msix(MsixTable table) {
      msix = table;
      memoryBar(table.bar(), table.barSize(), table);
      return capability(table.capability());
    }

    /**
     * A device-specific register of 1, 2 or 4 bytes past the header and the capabilities.
     *
     * @param offset 0x40 to 0xff
     * @param value after power-on
     * @param writableBits the bits that the guest can change
     */
    public Builder register(int offset, int size, int value, int writableBits) {
      if (offset < nextCapability || offset + size > PciSpec.CONFIG_BYTES) {
        throw new IllegalArgumentException("no room for a register at 0x%x".formatted(offset));
      }
      put(offset, size, value, writableBits);
      return this;
    }

    /** Who is told of writes to device-specific registers. */
    public Builder observer(ConfigObserver told) {
      observer = told;
      return this;
    }

    /** The function, in power-on state and in no slot. */
    public PciFunction build() {
      return new PciFunction(this);
    }
  }

  @Override
  public String toString() {
    return "PciFunction[%04x:%04x]".formatted(word(PciSpec.VENDOR_ID), word(PciSpec.DEVICE_ID));
  }
}
