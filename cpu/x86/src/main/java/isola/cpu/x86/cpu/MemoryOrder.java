package isola.cpu.x86.cpu;

import isola.core.memory.RawMemory;
import java.lang.invoke.VarHandle;

/**
 * A guest's loads and stores of memory that other processors share, in the order that x86 keeps
 * (Intel SDM vol. 3A 9.2.2): no load is overtaken by what follows it, no store overtakes what came
 * before it; a store alone may wait while later loads go ahead. So an acquire fence follows each
 * load and a release fence precedes each store. On an x86 host they are no instruction and bind the
 * compiler alone; elsewhere they are the host's own barriers. Locked instructions and fences of the
 * guest are the host's atomic operations and full fences.
 *
 * <p>Host addresses here were checked, see {@link RawMemory}. An access that is aligned to its size
 * is atomic. Any thread.
 */
public final class MemoryOrder {
  private MemoryOrder() {}

  /** Loads 1, 2, 4 or 8 bytes, zero-extended. */
  public static long load(long host, int size) {
    long value =
        switch (size) {
          case 1 -> RawMemory.getByte(host) & 0xffL;
          case 2 -> RawMemory.getShort(host) & 0xffffL;
          case 4 -> RawMemory.getInt(host) & 0xffff_ffffL;
          default -> RawMemory.getLong(host);
        };
    VarHandle.acquireFence();
    return value;
  }

  /** Loads 1, 2, 4 or 8 bytes, sign-extended. */
  public static long loadSigned(long host, int size) {
    long value =
        switch (size) {
          case 1 -> RawMemory.getByte(host);
          case 2 -> RawMemory.getShort(host);
          case 4 -> RawMemory.getInt(host);
          default -> RawMemory.getLong(host);
        };
    VarHandle.acquireFence();
    return value;
  }

  /** Stores the low 1, 2, 4 or 8 bytes of a value. */
  public static void store(long host, int size, long value) {
    VarHandle.releaseFence();
    switch (size) {
      case 1 -> RawMemory.putByte(host, (byte) value);
      case 2 -> RawMemory.putShort(host, (short) value);
      case 4 -> RawMemory.putInt(host, (int) value);
      default -> RawMemory.putLong(host, value);
    }
  }

  /** Copies a block as a string instruction does, whose own stores may come in any order. */
  public static void copy(long from, long to, long bytes) {
    VarHandle.releaseFence();
    RawMemory.copy(from, to, bytes);
    VarHandle.acquireFence();
  }

  /** Fills a block as a string instruction does. */
  public static void fill(long host, long bytes, byte value) {
    VarHandle.releaseFence();
    RawMemory.fill(host, bytes, value);
  }
}
