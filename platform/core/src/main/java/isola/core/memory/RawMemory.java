package isola.core.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The one door to raw host memory: unchecked little-endian access by host address.
 *
 * <p>A wrong address ends the JVM, so only two kinds of address may come here: one that {@link
 * GuestMemory} checked and translated (directly or through a software TLB filled from it), and one
 * inside memory that the caller reserved itself. Plain accesses compile to one host instruction.
 * The {@code CAS}-style methods need natural alignment.
 */
public final class RawMemory {
  private static final MemorySegment ALL = HostMemory.installed().everything();
  private static final VarHandle INTS = JAVA_INT.varHandle();
  private static final VarHandle LONGS = JAVA_LONG.varHandle();

  static {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      throw new IllegalStateException("Isola runs on little-endian hosts only");
    }
  }

  private RawMemory() {}

  public static byte getByte(long address) {
    return ALL.get(JAVA_BYTE, address);
  }

  public static short getShort(long address) {
    return ALL.get(JAVA_SHORT_UNALIGNED, address);
  }

  public static int getInt(long address) {
    return ALL.get(JAVA_INT_UNALIGNED, address);
  }

  public static long getLong(long address) {
    return ALL.get(JAVA_LONG_UNALIGNED, address);
  }

  public static void putByte(long address, byte value) {
    ALL.set(JAVA_BYTE, address, value);
  }

  public static void putShort(long address, short value) {
    ALL.set(JAVA_SHORT_UNALIGNED, address, value);
  }

  public static void putInt(long address, int value) {
    ALL.set(JAVA_INT_UNALIGNED, address, value);
  }

  public static void putLong(long address, long value) {
    ALL.set(JAVA_LONG_UNALIGNED, address, value);
  }

  /** Volatile read of a naturally aligned value. */
  public static int getIntVolatile(long address) {
    return (int) INTS.getVolatile(ALL, address);
  }

  /** Volatile write of a naturally aligned value. */
  public static void putIntVolatile(long address, int value) {
    INTS.setVolatile(ALL, address, value);
  }

  /** Read of a naturally aligned value that the compiler may neither cache nor drop. */
  public static int getIntOpaque(long address) {
    return (int) INTS.getOpaque(ALL, address);
  }

  /** Atomically ors bits into a naturally aligned value; returns the old one. */
  public static int getAndOrInt(long address, int bits) {
    return (int) INTS.getAndBitwiseOr(ALL, address, bits);
  }

  /**
   * Atomically keeps only the bits of {@code mask} in a naturally aligned value; returns the old
   * one.
   */
  public static int getAndAndInt(long address, int mask) {
    return (int) INTS.getAndBitwiseAnd(ALL, address, mask);
  }

  public static boolean casByte(long address, byte expected, byte value) {
    return casPart(address, expected & 0xff, value & 0xff, 0xff);
  }

  public static boolean casShort(long address, short expected, short value) {
    return casPart(address, expected & 0xffff, value & 0xffff, 0xffff);
  }

  /** Var handles compare 4 and 8 bytes only: a part of the aligned four around it. */
  private static boolean casPart(long address, int expected, int value, int mask) {
    long whole = address & -4;
    int shift = (int) (address & 3) * 8;
    while (true) {
      int old = (int) INTS.getVolatile(ALL, whole);
      if (((old >>> shift) & mask) != expected) {
        return false;
      }
      int changed = (old & ~(mask << shift)) | (value << shift);
      if (INTS.compareAndSet(ALL, whole, old, changed)) {
        return true;
      }
    }
  }

  public static boolean casInt(long address, int expected, int value) {
    return INTS.compareAndSet(ALL, address, expected, value);
  }

  public static boolean casLong(long address, long expected, long value) {
    return LONGS.compareAndSet(ALL, address, expected, value);
  }

  /** Copies between host addresses; overlapping ranges copy as if through a buffer. */
  public static void copy(long from, long to, long bytes) {
    MemorySegment.copy(ALL, from, ALL, to, bytes);
  }

  /** Sets {@code bytes} bytes to {@code value}. */
  public static void fill(long address, long bytes, byte value) {
    ALL.asSlice(address, bytes).fill(value);
  }

  /** A view of host memory for bulk transfers; it does not keep the memory alive. */
  public static MemorySegment view(long address, long bytes) {
    return ALL.asSlice(address, bytes);
  }
}
