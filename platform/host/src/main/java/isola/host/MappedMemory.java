package isola.host;

import isola.core.memory.HostMemory;
import isola.core.memory.OutOfHostMemoryException;
import java.lang.foreign.MemorySegment;

/** Host memory from {@code mmap(2)}: untouched pages cost nothing. Any thread. */
public final class MappedMemory implements HostMemory {
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;

  private static final NativeFunction MMAP = NativeFunction.of("mmap");
  private static final NativeFunction MUNMAP = NativeFunction.of("munmap");
  private static final NativeFunction MADVISE = NativeFunction.of("madvise");

  /** The provider, as {@link java.util.ServiceLoader} makes it. */
  public MappedMemory() {}

  @Override
  public MemorySegment everything() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  @Override
  public long reserve(long bytes, String name) {
    if (bytes <= 0 || (bytes & 4095) != 0) {
      throw new IllegalArgumentException(
          "%d bytes for %s is not a positive multiple of 4096".formatted(bytes, name));
    }
    long at = MMAP.call(0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
    if (at < 0) {
      throw new OutOfHostMemoryException(
          "The host refused %s for %s: %s; give the guest less memory."
              .formatted(amount(bytes), name, NativeFunction.message(-at)));
    }
    return at;
  }

  private static String amount(long bytes) {
    return bytes >= 1 << 20 ? (bytes >> 20) + " MiB" : bytes + " bytes";
  }

  @Override
  public void release(long address, long bytes) {
    check(MUNMAP.callInt(address, bytes), "munmap", address, bytes);
  }

  @Override
  public void discard(long address, long bytes) {
    check(MADVISE.callInt(address, bytes, MADV_DONTNEED), "madvise", address, bytes);
  }

  private static void check(int status, String call, long address, long bytes) {
    if (status != 0) {
      throw new IllegalArgumentException(
          "%s of 0x%x+%d: %s".formatted(call, address, bytes, NativeFunction.message(-status)));
    }
  }
}
