package isola.core.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A guest's physical memory: slots of host memory at guest addresses, and checked access to them.
 *
 * <p>Devices and boot code use the accessors here. An address outside every slot is not an error of
 * the host's: reads give all ones and writes are ignored, as on a PC; the bulk methods say so in
 * their result. Thread-safe in the package's sense. Values are little-endian; an access need not be
 * aligned, and an aligned one of up to 8 bytes inside a page is atomic.
 */
public final class GuestMemory implements AutoCloseable {
  /** The page size of flags, slots and dirty tracking, in bytes. */
  public static final int PAGE_SIZE = 4096;

  private static final MemorySlot[] NONE = {};

  private final HostMemory host = HostMemory.installed();
  private final List<WriteObserver> observers = new CopyOnWriteArrayList<>();
  private volatile MemorySlot[] slots = NONE;

  /** Memory without slots. */
  public GuestMemory() {}

  /** Adds RAM that reads as zero. See {@link #add}. */
  public MemorySlot addRam(long guestBase, long size) {
    return add(guestBase, size, false);
  }

  /**
   * Adds memory that the guest can only read; fill it through {@link MemorySlot#hostAddress}. See
   * {@link #add}.
   */
  public MemorySlot addRom(long guestBase, long size) {
    return add(guestBase, size, true);
  }

  /**
   * Adds a slot.
   *
   * @throws IllegalArgumentException if it is not page-aligned or overlaps another slot
   * @throws OutOfHostMemoryException if the host refuses
   */
  private synchronized MemorySlot add(long guestBase, long size, boolean readOnly) {
    if (((guestBase | size) & (PAGE_SIZE - 1)) != 0
        || size <= 0
        || guestBase < 0
        || guestBase + size < 0) {
      throw new IllegalArgumentException(
          "memory slot 0x%x+0x%x is not page-aligned".formatted(guestBase, size));
    }
    for (MemorySlot other : slots) {
      if (guestBase < other.guestBase() + other.size() && other.guestBase() < guestBase + size) {
        throw new IllegalArgumentException(
            "memory slot 0x%x+0x%x overlaps the one at 0x%x"
                .formatted(guestBase, size, other.guestBase()));
      }
    }
    long memory = host.reserve(size, "guest memory");
    long flags;
    try {
      flags = host.reserve(flagBytes(size), "guest page flags");
    } catch (OutOfHostMemoryException e) {
      host.release(memory, size);
      throw e;
    }
    MemorySlot slot = new MemorySlot(guestBase, size, memory, flags, readOnly);
    MemorySlot[] more = Arrays.copyOf(slots, slots.length + 1);
    more[slots.length] = slot;
    slots = more;
    return slot;
  }

  private static long flagBytes(long size) {
    long pages = size / PAGE_SIZE;
    return (pages + PAGE_SIZE - 1) & -PAGE_SIZE;
  }

  /** The slots, in the order they were added. */
  public List<MemorySlot> slots() {
    return List.of(slots);
  }

  /** The slot that holds a guest physical address, or null where there is no memory. */
  public @Nullable MemorySlot slotAt(long guestAddress) {
    for (MemorySlot slot : slots) {
      if (slot.contains(guestAddress)) {
        return slot;
      }
    }
    return null;
  }

  /** Whether {@code length} bytes from a guest physical address lie inside one slot. */
  public boolean contains(long guestAddress, long length) {
    MemorySlot slot = slotAt(guestAddress);
    return slot != null && length >= 0 && length <= slot.size() - (guestAddress - slot.guestBase());
  }

  /** Registers an observer of writes to flagged pages. */
  public void observe(WriteObserver observer) {
    observers.add(Objects.requireNonNull(observer));
  }

  /** Removes an observer. */
  public void forget(WriteObserver observer) {
    observers.remove(observer);
  }

  /**
   * A view of {@code length} bytes for reading by a backend, or null if they do not lie inside one
   * slot. The view is valid while the guest memory is open.
   */
  public @Nullable MemorySegment readable(long guestAddress, long length) {
    MemorySlot slot = slotAt(guestAddress);
    if (slot == null || length < 0 || length > slot.size() - (guestAddress - slot.guestBase())) {
      return null;
    }
    return RawMemory.view(slot.host(guestAddress), length);
  }

  /**
   * A view of {@code length} bytes for writing by a backend, or null if they do not lie inside one
   * writable slot. Observers have been told of the write when this returns, so use it for one
   * transfer and do not keep it.
   */
  public @Nullable MemorySegment writable(long guestAddress, long length) {
    MemorySlot slot = slotAt(guestAddress);
    if (slot == null
        || slot.readOnly()
        || length < 0
        || length > slot.size() - (guestAddress - slot.guestBase())) {
      return null;
    }
    prepareWrite(slot, guestAddress, length);
    return RawMemory.view(slot.host(guestAddress), length);
  }

  /**
   * Copies guest memory into {@code target}; false, with nothing copied, if the range does not lie
   * inside one slot.
   */
  public boolean read(long guestAddress, byte[] target, int offset, int length) {
    MemorySegment source = readable(guestAddress, length);
    if (source == null) {
      return false;
    }
    MemorySegment.copy(source, 0, MemorySegment.ofArray(target), offset, length);
    return true;
  }

  /**
   * Copies {@code source} into guest memory; false, with nothing copied, if the range does not lie
   * inside one writable slot.
   */
  public boolean write(long guestAddress, byte[] source, int offset, int length) {
    MemorySegment target = writable(guestAddress, length);
    if (target == null) {
      return false;
    }
    MemorySegment.copy(MemorySegment.ofArray(source), offset, target, 0, length);
    return true;
  }

  /** Reads {@code size} bytes (1, 2, 4 or 8), zero-extended; all ones where there is no memory. */
  public long get(long guestAddress, int size) {
    MemorySlot slot = slotAt(guestAddress);
    if (slot == null || size > slot.size() - (guestAddress - slot.guestBase())) {
      return size == 8 ? -1L : (1L << (size * 8)) - 1;
    }
    long address = slot.host(guestAddress);
    return switch (size) {
      case 1 -> RawMemory.getByte(address) & 0xffL;
      case 2 -> RawMemory.getShort(address) & 0xffffL;
      case 4 -> RawMemory.getInt(address) & 0xffff_ffffL;
      default -> RawMemory.getLong(address);
    };
  }

  /**
   * Writes the low {@code size} bytes (1, 2, 4 or 8) of {@code value}; ignored where there is no
   * writable memory.
   */
  public void put(long guestAddress, int size, long value) {
    MemorySlot slot = slotAt(guestAddress);
    if (slot == null || slot.readOnly() || size > slot.size() - (guestAddress - slot.guestBase())) {
      return;
    }
    prepareWrite(slot, guestAddress, size);
    long address = slot.host(guestAddress);
    switch (size) {
      case 1 -> RawMemory.putByte(address, (byte) value);
      case 2 -> RawMemory.putShort(address, (short) value);
      case 4 -> RawMemory.putInt(address, (int) value);
      default -> RawMemory.putLong(address, value);
    }
  }

  /**
   * Tells the observers of a write of {@code length} bytes that lies inside {@code slot}, page by
   * page, where flags ask for it.
   */
  public void prepareWrite(MemorySlot slot, long guestAddress, long length) {
    long at = guestAddress;
    long end = guestAddress + length;
    while (at < end) {
      long next = Math.min(end, (at | (PAGE_SIZE - 1)) + 1);
      if (RawMemory.getByte(slot.flags(at)) != 0) {
        for (WriteObserver observer : observers) {
          observer.beforeWrite(at, (int) (next - at));
        }
      }
      at = next;
    }
  }

  /** Gives the memory back to the host. No vCPU or device may touch it afterwards. */
  @Override
  public synchronized void close() {
    MemorySlot[] old = slots;
    slots = NONE;
    for (MemorySlot slot : old) {
      host.release(slot.hostAddress(), slot.size());
      host.release(slot.flagsAddress(), flagBytes(slot.size()));
    }
  }
}
