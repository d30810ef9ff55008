package isola.machine.devices.pci;

import isola.core.bus.MmioDevice;
import isola.core.device.Stateful;
import isola.core.irq.MessageInterrupts;
import java.util.Arrays;

/**
 * MSI-X: the vector table and the pending bits in a BAR of their own, and the capability that
 * switches them on (PCI Local Bus 3.0, 6.8.2). The table is at offset 0 of the BAR, the pending
 * bits after it at {@link #pbaOffset}.
 *
 * <p>A vector that is raised while it is masked, or while the function may not master the bus,
 * stays pending and is sent as soon as it may be. Raising a vector while MSI-X is off does nothing:
 * the device uses its pin then. Any thread.
 */
public final class MsixTable implements MmioDevice, Stateful<MsixTable.State> {
  /**
   * Volatile state.
   *
   * @param control the writable bits of Message Control
   * @param table the table, four words an entry
   * @param pending pending bits, 64 vectors a word
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(int control, int[] table, long[] pending) {}

  private static final int ENTRY_WORDS = PciSpec.MSIX_ENTRY_BYTES / 4;
  private static final int CONTROL_WRITABLE = PciSpec.MSIX_ENABLE | PciSpec.MSIX_FUNCTION_MASK;

  // Configuration.
  private final int vectors;
  private final int bar;

  // Wiring.
  private final MessageInterrupts target;

  // Volatile state.
  private final int[] table;
  private final long[] pending;
  private int control;
  private boolean master;

  /**
   * A table with every vector masked.
   *
   * @param vectors 1 to 2048
   * @param bar the index of the memory BAR that holds it, 0 to 5
   * @param target where messages go
   */
  public MsixTable(int vectors, int bar, MessageInterrupts target) {
    if (vectors < 1 || vectors > PciSpec.MSIX_MAX_VECTORS) {
      throw new IllegalArgumentException("MSI-X has 1 to 2048 vectors, not " + vectors);
    }
    this.vectors = vectors;
    this.bar = bar;
    this.target = target;
    table = new int[vectors * ENTRY_WORDS];
    pending = new long[(vectors + 63) / 64];
    reset();
  }

  /** The capability, for the function's list. */
  PciCapability capability() {
    return new Capability();
  }

  /** How many vectors there are. */
  public int vectors() {
    return vectors;
  }

  /** The BAR that holds it. */
  public int bar() {
    return bar;
  }

  /** Where the pending bits are in the BAR. */
  public int pbaOffset() {
    return Math.max(2048, Integer.highestOneBit(vectors * PciSpec.MSIX_ENTRY_BYTES * 2 - 1));
  }

  /** The size of the BAR in bytes, a power of two of at least a page. */
  public int barSize() {
    return 2 * pbaOffset();
  }

  /** Whether the guest has switched MSI-X on, so that the function's pin is not used. */
  public synchronized boolean enabled() {
    return (control & PciSpec.MSIX_ENABLE) != 0;
  }

  /**
   * Sends a vector's message, or makes it pending. Vectors that do not exist are ignored: the guest
   * chooses them (VirtIO's 0xffff for none, among others).
   */
  public synchronized void raise(int vector) {
    if (vector < 0 || vector >= vectors || (control & PciSpec.MSIX_ENABLE) == 0) {
      return;
    }
    pending[vector >> 6] |= 1L << (vector & 63);
    sendIfAllowed(vector);
  }

  /** The function's bus master enable bit has changed. */
  synchronized void master(boolean enable) {
    master = enable;
    sendAllAllowed();
  }

  private void sendAllAllowed() {
    for (int word = 0; word < pending.length; word++) {
      for (long bits = pending[word]; bits != 0; bits &= bits - 1) {
        sendIfAllowed(word * 64 + Long.numberOfTrailingZeros(bits));
      }
    }
  }

  private void sendIfAllowed(int vector) {
    int entry = vector * ENTRY_WORDS;
    boolean open = (control & CONTROL_WRITABLE) == PciSpec.MSIX_ENABLE && master;
    if (open
        && (table[entry + 3] & PciSpec.MSIX_VECTOR_MASKED) == 0
        && (pending[vector >> 6] & 1L << (vector & 63)) != 0) {
      pending[vector >> 6] &= ~(1L << (vector & 63));
      long address = (long) table[entry + 1] << 32 | (table[entry] & 0xffff_ffffL);
      target.send(address, table[entry + 2]);
    }
  }

  @Override
  public synchronized long read(long offset, int size) {
    // 6.8.2: only aligned 4 and 8 byte accesses are defined; others see the same bytes.
    long value = 0;
    for (int i = 0; i < size; i++) {
      value |= (long) byteAt((int) offset + i) << (i * 8);
    }
    return value;
  }

  private int byteAt(int offset) {
    if (offset < table.length * 4) {
      return table[offset >> 2] >>> ((offset & 3) * 8) & 0xff;
    }
    int bit = offset - pbaOffset();
    if (bit >= 0 && bit >> 3 < pending.length) {
      return (int) (pending[bit >> 3] >>> ((bit & 7) * 8)) & 0xff;
    }
    return 0;
  }

  @Override
  public synchronized void write(long offset, int size, long value) {
    if (size < 4 || (offset & (size - 1)) != 0) {
      return;
    }
    for (int i = 0; i < size; i += 4) {
      int word = (int) (offset + i) >> 2;
      if (word < table.length) {
        // Address bits 1:0 and the reserved bits of vector control stay as they are.
        int writable =
            switch (word & 3) {
              case 0 -> ~3;
              case 3 -> PciSpec.MSIX_VECTOR_MASKED;
              default -> -1;
            };
        table[word] = (table[word] & ~writable) | ((int) (value >>> (i * 8)) & writable);
        if ((word & 3) == 3) {
          sendIfAllowed(word >> 2);
        }
      }
    }
  }

  @Override
  public synchronized void reset() {
    control = 0;
    master = false;
    Arrays.fill(table, 0);
    Arrays.fill(pending, 0);
    for (int entry = 0; entry < vectors; entry++) {
      table[entry * ENTRY_WORDS + 3] = PciSpec.MSIX_VECTOR_MASKED;
    }
  }

  @Override
  public synchronized State save() {
    return new State(control, table.clone(), pending.clone());
  }

  @Override
  public synchronized void restore(State state) {
    if (state.table.length != table.length || state.pending.length != pending.length) {
      throw new IllegalArgumentException("the saved MSI-X table has another number of vectors");
    }
    control = state.control & CONTROL_WRITABLE;
    System.arraycopy(state.table, 0, table, 0, table.length);
    System.arraycopy(state.pending, 0, pending, 0, pending.length);
  }

  /** Message Control, and where table and pending bits are. */
  private final class Capability implements PciCapability {
    @Override
    public int id() {
      return PciSpec.CAPABILITY_MSIX;
    }

    @Override
    public int length() {
      return PciSpec.MSIX_CAPABILITY_BYTES;
    }

    @Override
    public int read(int offset, int size) {
      synchronized (MsixTable.this) {
        long low = (long) (control | (vectors - 1)) << 16 | (long) bar << 32;
        long word =
            offset < 8 ? low >>> (offset * 8) : (long) (pbaOffset() | bar) >>> ((offset - 8) * 8);
        return (int) (size == 4 ? word : word & ((1L << (size * 8)) - 1));
      }
    }

    @Override
    public void write(int offset, int size, int value) {
      synchronized (MsixTable.this) {
        for (int i = 0; i < size; i++) {
          if (offset + i == 3) {
            control = value >>> (i * 8) << 8 & CONTROL_WRITABLE;
          }
        }
        sendAllAllowed();
      }
    }
  }
}
