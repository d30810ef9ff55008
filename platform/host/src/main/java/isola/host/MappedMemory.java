package isola.host;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import isola.core.memory.HostMemory;
import isola.core.memory.OutOfHostMemoryException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Host memory from {@code mmap(2)}: untouched pages cost nothing. Any thread. */
public final class MappedMemory implements HostMemory {
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final MethodHandle MMAP =
      function(
          "mmap",
          FunctionDescriptor.of(
              ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle MADVISE =
      function("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

  /** The provider, as {@link java.util.ServiceLoader} makes it. */
  public MappedMemory() {}

  private static MethodHandle function(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type);
  }

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
    MemorySegment at;
    try {
      at =
          (MemorySegment)
              MMAP.invokeExact(
                  MemorySegment.NULL,
                  bytes,
                  PROT_READ_WRITE,
                  MAP_PRIVATE_ANONYMOUS_NORESERVE,
                  -1,
                  0L);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    if (at.address() == -1L) {
      throw new OutOfHostMemoryException(
          "the host refused %d MiB for %s; give the guest less memory"
              .formatted(bytes >> 20, name));
    }
    return at.address();
  }

  @Override
  public void release(long address, long bytes) {
    try {
      int status = (int) MUNMAP.invokeExact(MemorySegment.ofAddress(address), bytes);
      if (status != 0) {
        throw new IllegalArgumentException("munmap of 0x%x+%d failed".formatted(address, bytes));
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void discard(long address, long bytes) {
    try {
      int status =
          (int) MADVISE.invokeExact(MemorySegment.ofAddress(address), bytes, MADV_DONTNEED);
      if (status != 0) {
        throw new IllegalArgumentException("madvise of 0x%x+%d failed".formatted(address, bytes));
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
