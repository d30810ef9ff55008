package isola.machine.board.firmware;

import static isola.machine.board.firmware.Aml.join;
import static isola.machine.board.firmware.Aml.little;

/** Resource descriptors of {@code _CRS} (ACPI 6.5, 6.4). */
final class Resources {
  private static final byte[] END_TAG = {0x79, 0};
  private static final int PRODUCER_FIXED = 0x0c;
  private static final int MEMORY = 0;
  private static final int IO = 1;
  private static final int BUS = 2;
  private static final int READ_WRITE = 1;
  private static final int READ_WRITE_PREFETCHABLE = 7;
  private static final int ENTIRE_RANGE = 3;

  private Resources() {}

  /** The buffer that {@code _CRS} gives. */
  static byte[] template(byte[]... descriptors) {
    return Aml.buffer(join(join(descriptors), END_TAG));
  }

  /** Ports that a device decodes (6.4.2.5), all 16 address bits. */
  static byte[] ports(int base, int count) {
    return join(
        new byte[] {0x47, 1}, little(base, 2), little(base, 2), new byte[] {1, (byte) count});
  }

  /** An edge-triggered, active-high interrupt (6.4.2.1). */
  static byte[] irq(int number) {
    return join(new byte[] {0x22}, little(1L << number, 2));
  }

  /** A fixed range of memory below 4 GiB (6.4.3.4), writable. */
  static byte[] memory32(long base, long size) {
    return join(new byte[] {(byte) 0x86, 9, 0, READ_WRITE}, little(base, 4), little(size, 4));
  }

  /** Bus numbers that a bridge passes on (6.4.3.5.3). */
  static byte[] buses(int first, int last) {
    return addressSpace(0x88, 2, BUS, 0, first, last);
  }

  /** Ports that a bridge passes on. */
  static byte[] portWindow(int first, int last) {
    return addressSpace(0x88, 2, IO, ENTIRE_RANGE, first, last);
  }

  /** Memory below 4 GiB that a bridge passes on (6.4.3.5.2). */
  static byte[] memoryWindow(long first, long last) {
    return addressSpace(0x87, 4, MEMORY, READ_WRITE, first, last);
  }

  /** Prefetchable memory above 4 GiB that a bridge passes on (6.4.3.5.1). */
  static byte[] memoryWindow64(long first, long last) {
    return addressSpace(0x8a, 8, MEMORY, READ_WRITE_PREFETCHABLE, first, last);
  }

  private static byte[] addressSpace(
      int tag, int size, int type, int typeFlags, long first, long last) {
    return join(
        new byte[] {
          (byte) tag, (byte) (3 + 5 * size), 0, (byte) type, PRODUCER_FIXED, (byte) typeFlags
        },
        little(0, size),
        little(first, size),
        little(last, size),
        little(0, size),
        little(last - first + 1, size));
  }
}
