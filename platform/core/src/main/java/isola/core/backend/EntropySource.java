package isola.core.backend;

/** Injected randomness: what RDRAND, RDSEED and the virtio entropy device give. Any thread. */
public interface EntropySource {
  /** 64 random bits. */
  long next();

  /** Fills an array with random bytes. */
  default void fill(byte[] target) {
    for (int i = 0; i < target.length; ) {
      long bits = next();
      for (int k = 0; k < 8 && i < target.length; k++, i++) {
        target[i] = (byte) (bits >>> (k * 8));
      }
    }
  }
}
