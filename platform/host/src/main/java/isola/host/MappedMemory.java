package isola.host;

import static isola.host.NativeFunction.errno;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import isola.core.memory.HostMemory;
import isola.core.memory.OutOfHostMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Host memory from {@code mmap(2)}: untouched pages cost nothing. Any thread. */
public final class MappedMemory implements HostMemory {
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;

  private static final MethodHandle MMAP =
      NativeFunction.bindWithErrno(
          "mmap",
          FunctionDescriptor.of(
              ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      NativeFunction.bindWithErrno("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle MADVISE =
      NativeFunction.bindWithErrno(
          "madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

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
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      MemorySegment at =
          (MemorySegment)
              MMAP.invokeExact(
                  state,
                  MemorySegment.NULL,
                  bytes,
                  PROT_READ_WRITE,
                  MAP_PRIVATE_ANONYMOUS_NORESERVE,
                  -1,
                  0L);
      if (at.address() == -1L) {
        throw new OutOfHostMemoryException(
            "The host refused %s for %s: %s; give the guest less memory."
                .formatted(amount(bytes), name, NativeFunction.message(errno(state))));
      }
      return at.address();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static String amount(long bytes) {
    return bytes >= 1 << 20 ? (bytes >> 20) + " MiB" : bytes + " bytes";
  }

  @Override
  public void release(long address, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      int status = (int) MUNMAP.invokeExact(state, MemorySegment.ofAddress(address), bytes);
      check(status, state, "munmap", address, bytes);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void discard(long address, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = NativeFunction.callState(arena);
      int status =
          (int) MADVISE.invokeExact(state, MemorySegment.ofAddress(address), bytes, MADV_DONTNEED);
      check(status, state, "madvise", address, bytes);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static void check(
      int status, MemorySegment state, String call, long address, long bytes) {
    if (status != 0) {
      throw new IllegalArgumentException(
          "%s of 0x%x+%d: %s"
              .formatted(call, address, bytes, NativeFunction.message(errno(state))));
    }
  }
}
