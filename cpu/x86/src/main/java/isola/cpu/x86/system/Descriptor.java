package isola.cpu.x86.system;

import isola.cpu.x86.spec.Attribute;

/**
 * Fields of an 8-byte descriptor held in a long (Intel SDM vol. 3A 3.4.5, figure 3-8; gates: 5.8.3
 * and 6.11).
 */
final class Descriptor {
  /** Bit of the present flag. */
  static final long P = 1L << 47;

  /** Access byte's offset inside a descriptor. */
  static final int ACCESS_BYTE = 5;

  private Descriptor() {}

  /** In the format of the state's segment registers. */
  static int attributes(long d) {
    return (int) (d >>> 40) & 0xf0ff;
  }

  /** Low 32 bits of the base, which are all of them but in 16-byte descriptors. */
  static long base(long d) {
    return (d >>> 16 & 0xff_ffff) | (d >>> 32 & 0xff00_0000L);
  }

  /** Limit in bytes, granularity applied. */
  static long limit(long d) {
    long limit = (d & 0xffff) | (d >>> 32 & 0xf_0000);
    return (d >>> 55 & 1) != 0 ? limit << 12 | 0xfff : limit;
  }

  static int dpl(long d) {
    return (int) (d >>> 45) & 3;
  }

  static boolean present(long d) {
    return (d & P) != 0;
  }

  static int type(long d) {
    return (int) (d >>> 40) & 0xf;
  }

  static boolean system(long d) {
    return (d >>> 44 & 1) == 0;
  }

  static boolean code(long d) {
    return !system(d) && (type(d) & Attribute.CODE) != 0;
  }

  static boolean conforming(long d) {
    return (type(d) & Attribute.CONFORMING) != 0;
  }

  static boolean writableData(long d) {
    return !system(d) && (type(d) & (Attribute.CODE | Attribute.WRITABLE)) == Attribute.WRITABLE;
  }

  static boolean readable(long d) {
    return !system(d) && ((type(d) & Attribute.CODE) == 0 || (type(d) & Attribute.READABLE) != 0);
  }

  static boolean longCode(long d) {
    return (attributes(d) & Attribute.L) != 0;
  }

  static boolean big(long d) {
    return (attributes(d) & Attribute.DB) != 0;
  }

  static int gateSelector(long d) {
    return (int) (d >>> 16) & 0xffff;
  }

  /** Low 32 bits of a gate's offset. */
  static long gateOffset(long d) {
    return (d & 0xffff) | (d >>> 32 & 0xffff_0000L);
  }

  static int gateParameters(long d) {
    return (int) (d >>> 32) & 0x1f;
  }

  static int gateIst(long d) {
    return (int) (d >>> 32) & 7;
  }
}
