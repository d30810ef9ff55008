package isola.host;

import isola.core.backend.EntropySource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Random bits from the host's kernel (getrandom(2)), fetched in blocks so that a guest which asks
 * for 64 bits at a time does not cost a system call each. Any thread.
 */
public final class HostEntropy implements EntropySource {
  /** As much as the kernel gives at once whatever happens. */
  private static final int BLOCK = 256;

  private static final NativeFunction GETRANDOM = NativeFunction.of("getrandom");

  private final byte[] block = new byte[BLOCK];
  private int used = BLOCK;

  /** A source over the kernel's generator. */
  public HostEntropy() {}

  @Override
  public synchronized long next() {
    if (used == BLOCK) {
      fill();
      used = 0;
    }
    long bits = 0;
    for (int i = 0; i < 8; i++) {
      bits |= (block[used] & 0xffL) << (i * 8);
      block[used++] = 0;
    }
    return bits;
  }

  private void fill() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(BLOCK);
      long got;
      do {
        got = GETRANDOM.call(bytes.address(), BLOCK, 0);
      } while (got == -DeviceFile.EINTR);
      if (got != BLOCK) {
        throw new IllegalStateException(
            "The host gives no random numbers: " + NativeFunction.message(-got));
      }
      MemorySegment.ofArray(block).copyFrom(bytes);
      bytes.fill((byte) 0);
    }
  }
}
