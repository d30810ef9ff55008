package isola.core.bus;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Device memory by guest physical address. Where no device answers, reads give all ones and writes
 * are ignored. An access that runs over the end of a device's range is split into bytes.
 *
 * <p>A bus may have a parent that is asked where it has no device itself: each vCPU's local APIC
 * lives on such a bus of its own.
 */
public final class MmioBus {
  private record Range(long base, long size, MmioDevice device) {
    boolean contains(long address) {
      return Long.compareUnsigned(address - base, size) < 0;
    }
  }

  private static final Range[] NONE = {};

  private final @Nullable MmioBus parent;
  private final List<MmioObserver> observers = new ArrayList<>();
  private volatile Range[] ranges = NONE;

  /** A bus of its own. */
  public MmioBus() {
    this(null);
  }

  /** A bus in front of {@code parent}. */
  public MmioBus(@Nullable MmioBus parent) {
    this.parent = parent;
  }

  /**
   * Attaches a device at {@code size} bytes from {@code base}.
   *
   * @throws IllegalArgumentException if the range is empty or overlaps another of this bus
   */
  public synchronized void attach(long base, long size, MmioDevice device) {
    if (size <= 0) {
      throw new IllegalArgumentException("MMIO range at 0x%x is empty".formatted(base));
    }
    List<Range> more = new ArrayList<>(List.of(ranges));
    for (Range other : more) {
      if (other.contains(base) || Long.compareUnsigned(other.base - base, size) < 0) {
        throw new IllegalArgumentException(
            "MMIO range 0x%x+0x%x overlaps the one at 0x%x".formatted(base, size, other.base));
      }
    }
    more.add(new Range(base, size, device));
    ranges = more.toArray(NONE);
    observers.forEach(observer -> observer.attached(base, device));
  }

  /** Detaches every range of {@code device}. */
  public synchronized void detach(MmioDevice device) {
    List<Range> fewer = new ArrayList<>(List.of(ranges));
    fewer.removeIf(range -> range.device == device);
    Range[] before = ranges;
    ranges = fewer.toArray(NONE);
    for (Range range : before) {
      if (range.device == device) {
        observers.forEach(observer -> observer.detached(range.base, device));
      }
    }
  }

  /**
   * Tells {@code observer} of the devices of this bus and its parents, now and whenever they
   * change. It is called under the bus's lock.
   */
  public void observe(MmioObserver observer) {
    if (parent != null) {
      parent.observe(observer);
    }
    synchronized (this) {
      observers.add(observer);
      for (Range range : ranges) {
        observer.attached(range.base, range.device);
      }
    }
  }

  /** Tells {@code observer} no more. */
  public void forget(MmioObserver observer) {
    if (parent != null) {
      parent.forget(observer);
    }
    synchronized (this) {
      observers.remove(observer);
    }
  }

  private @Nullable Range rangeAt(long address) {
    for (Range range : ranges) {
      if (range.contains(address)) {
        return range;
      }
    }
    return null;
  }

  /** Whether a device of this bus or of its parents answers at a guest physical address. */
  public boolean claims(long address) {
    return rangeAt(address) != null || (parent != null && parent.claims(address));
  }

  /** Reads {@code size} bytes (1, 2, 4 or 8), zero-extended. */
  public long read(long address, int size) {
    long ones = size == 8 ? -1L : (1L << (size * 8)) - 1;
    Range range = rangeAt(address);
    if (range == null) {
      return parent != null ? parent.read(address, size) : ones;
    }
    long offset = address - range.base;
    if (size <= range.size - offset) {
      return range.device.read(offset, size) & ones;
    }
    long value = 0;
    for (int i = 0; i < size; i++) {
      value |= read(address + i, 1) << (i * 8);
    }
    return value;
  }

  /** Writes the low {@code size} bytes (1, 2, 4 or 8) of {@code value}. */
  public void write(long address, int size, long value) {
    Range range = rangeAt(address);
    if (range == null) {
      if (parent != null) {
        parent.write(address, size, value);
      }
      return;
    }
    long offset = address - range.base;
    if (size <= range.size - offset) {
      long ones = size == 8 ? -1L : (1L << (size * 8)) - 1;
      range.device.write(offset, size, value & ones);
      return;
    }
    for (int i = 0; i < size; i++) {
      write(address + i, 1, value >>> (i * 8));
    }
  }
}
