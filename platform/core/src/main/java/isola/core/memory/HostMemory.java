package isola.core.memory;

import java.lang.foreign.MemorySegment;
import java.util.ServiceLoader;

/**
 * The host's memory functions that plain Java does not offer, implemented by the one module with
 * native access.
 *
 * <p>Found with {@link ServiceLoader}. All methods may be called by any thread.
 */
public interface HostMemory {
  /** The whole address space as one segment, base 0; constant for the life of the JVM. */
  MemorySegment everything();

  /**
   * Reserves zeroed, page-aligned memory that occupies host memory only when touched.
   *
   * @param bytes size, a positive multiple of 4096
   * @param name what it is for, shown in error messages and, where the host can, in its memory map
   * @return the host address
   * @throws OutOfHostMemoryException if the host refuses
   */
  long reserve(long bytes, String name);

  /** Gives memory from {@link #reserve} back; {@code bytes} is the size that was reserved. */
  void release(long address, long bytes);

  /**
   * Drops the contents of page-aligned memory: it reads as zero afterwards and costs the host
   * nothing until touched.
   */
  void discard(long address, long bytes);

  /**
   * The provider of this JVM.
   *
   * @throws IllegalStateException if no module provides one
   */
  static HostMemory installed() {
    return ServiceLoader.load(HostMemory.class)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "no HostMemory provider: is the module isola.host on the path?"));
  }
}
