package isola.image.packed;

/** Zstandard's constants. Source: RFC 8878, sections 3.1 and 4. */
public final class ZstdSpec {
  /** A frame's first four bytes, little-endian. */
  public static final int MAGIC = 0xFD2FB528;

  /** The same of a frame to be skipped, whose low four bits may be any. */
  static final long SKIPPABLE = 0x184D2A50L;

  static final long SKIPPABLE_MASK = 0xFFFF_FFF0L;

  /** Frame header descriptor, 3.1.1.1.1. */
  static final int SINGLE_SEGMENT = 1 << 5;

  static final int RESERVED = 1 << 3;
  static final int CHECKSUM = 1 << 2;
  static final int[] DICTIONARY_BYTES = {0, 1, 2, 4};
  static final int BLOCK_MAX = 128 << 10;

  /** Block types. */
  static final int BLOCK_RAW = 0;

  static final int BLOCK_RLE = 1;
  static final int BLOCK_COMPRESSED = 2;

  /** Literals section types. */
  static final int LITERALS_RAW = 0;

  static final int LITERALS_RLE = 1;
  static final int LITERALS_COMPRESSED = 2;

  /** Sequence table modes. */
  static final int MODE_PREDEFINED = 0;

  static final int MODE_RLE = 1;
  static final int MODE_COMPRESSED = 2;

  static final int LITERAL_LENGTH_MAX_ACCURACY = 9;
  static final int MATCH_LENGTH_MAX_ACCURACY = 9;
  static final int OFFSET_MAX_ACCURACY = 8;
  static final int WEIGHT_MAX_ACCURACY = 6;
  static final int HUFFMAN_MAX_BITS = 11;
  static final int LONGEST_OFFSET_CODE = 31;

  static final int[] LITERAL_LENGTH_BASE = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64,
    128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536
  };

  static final int[] LITERAL_LENGTH_BITS = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11,
    12, 13, 14, 15, 16
  };

  static final int[] MATCH_LENGTH_BASE = {
    3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051,
    4099, 8195, 16387, 32771, 65539
  };

  static final int[] MATCH_LENGTH_BITS = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
  };

  /** Predefined distributions; -1 stands for a probability under one. */
  static final int LITERAL_LENGTH_ACCURACY = 6;

  static final int[] LITERAL_LENGTH_DISTRIBUTION = {
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1
  };

  static final int MATCH_LENGTH_ACCURACY = 6;

  static final int[] MATCH_LENGTH_DISTRIBUTION = {
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1
  };

  static final int OFFSET_ACCURACY = 5;

  static final int[] OFFSET_DISTRIBUTION = {
    1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1
  };

  private ZstdSpec() {}
}
