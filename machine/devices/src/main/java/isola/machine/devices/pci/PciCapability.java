package isola.machine.devices.pci;

/**
 * One entry of a function's capability list (PCI Local Bus 3.0, 6.7). The function keeps the id and
 * next-pointer bytes; the rest is here. Offsets count from the capability's first byte, so they
 * start at 2.
 *
 * <p>Called by any vCPU thread with no lock of this package held. Accesses are split so that they
 * lie inside the capability.
 */
public interface PciCapability {
  /** The capability id, 8 bits. */
  int id();

  /** Its length in bytes, header included: 2 to 128. */
  int length();

  /** Reads 1, 2 or 4 bytes, zero-extended. */
  int read(int offset, int size);

  /** Writes 1, 2 or 4 bytes. */
  void write(int offset, int size, int value);

  /**
   * A capability that never changes.
   *
   * @param id the capability id
   * @param body the bytes after the id and the next pointer
   */
  static PciCapability constant(int id, byte[] body) {
    byte[] bytes = body.clone();
    return new PciCapability() {
      @Override
      public int id() {
        return id;
      }

      @Override
      public int length() {
        return bytes.length + 2;
      }

      @Override
      public int read(int offset, int size) {
        int value = 0;
        for (int i = 0; i < size; i++) {
          value |= (bytes[offset - 2 + i] & 0xff) << (i * 8);
        }
        return value;
      }

      @Override
      public void write(int offset, int size, int value) {
        // Read-only.
      }
    };
  }
}
