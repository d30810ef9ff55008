package isola.host;

import isola.core.backend.EntropySource;
import java.security.SecureRandom;

/**
 * Random bits from the host's generator, fetched in blocks so that a guest which asks for 64 bits
 * at a time does not cost a system call each. Any thread.
 */
public final class HostEntropy implements EntropySource {
  private static final int BLOCK = 4096;

  private final SecureRandom random = new SecureRandom();
  private final byte[] block = new byte[BLOCK];
  private int used = BLOCK;

  /** A source over the host's default generator. */
  public HostEntropy() {}

  @Override
  public synchronized long next() {
    if (used == BLOCK) {
      random.nextBytes(block);
      used = 0;
    }
    long bits = 0;
    for (int i = 0; i < 8; i++) {
      bits |= (block[used] & 0xffL) << (i * 8);
      block[used++] = 0;
    }
    return bits;
  }
}
