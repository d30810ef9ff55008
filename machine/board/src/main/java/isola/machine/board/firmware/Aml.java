package isola.machine.board.firmware;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes ACPI machine language (ACPI 6.5, chapter 20). Each method gives the bytes of one term;
 * terms are nested by passing them on.
 */
final class Aml {
  private static final int NAME_OP = 0x08;
  private static final int BYTE_PREFIX = 0x0a;
  private static final int WORD_PREFIX = 0x0b;
  private static final int DWORD_PREFIX = 0x0c;
  private static final int STRING_PREFIX = 0x0d;
  private static final int QWORD_PREFIX = 0x0e;
  private static final int SCOPE_OP = 0x10;
  private static final int BUFFER_OP = 0x11;
  private static final int PACKAGE_OP = 0x12;
  private static final int EXTENDED_PREFIX = 0x5b;
  private static final int DEVICE_OP = 0x82;

  private Aml() {}

  /** A named scope with terms inside. */
  static byte[] scope(String name, byte[]... terms) {
    return bytes(SCOPE_OP, sized(join(name(name), join(terms))));
  }

  /** A device with terms inside. */
  static byte[] device(String name, byte[]... terms) {
    return join(
        new byte[] {EXTENDED_PREFIX}, bytes(DEVICE_OP, sized(join(name(name), join(terms)))));
  }

  /** A name and what it stands for. */
  static byte[] named(String name, byte[] value) {
    return bytes(NAME_OP, join(name(name), value));
  }

  /** A package of at most 255 elements. */
  static byte[] packageOf(byte[]... elements) {
    if (elements.length > 255) {
      throw new IllegalArgumentException("an AML package has at most 255 elements");
    }
    return bytes(PACKAGE_OP, sized(bytes(elements.length, join(elements))));
  }

  /** A buffer with these contents. */
  static byte[] buffer(byte[] content) {
    return bytes(BUFFER_OP, sized(join(integer(content.length), content)));
  }

  /** An integer in its shortest form. */
  static byte[] integer(long value) {
    if (value == 0 || value == 1) {
      return new byte[] {(byte) value};
    }
    if (value >>> 8 == 0) {
      return bytes(BYTE_PREFIX, little(value, 1));
    }
    if (value >>> 16 == 0) {
      return bytes(WORD_PREFIX, little(value, 2));
    }
    return value >>> 32 == 0
        ? bytes(DWORD_PREFIX, little(value, 4))
        : bytes(QWORD_PREFIX, little(value, 8));
  }

  /** An ASCII string. */
  static byte[] string(String value) {
    return bytes(STRING_PREFIX, join(value.getBytes(StandardCharsets.US_ASCII), new byte[1]));
  }

  /** A compressed EISA id such as {@code PNP0A03} (ACPI 6.5, 19.3.4). */
  static byte[] eisaId(String id) {
    int packed =
        (id.charAt(0) - 0x40) << 26
            | (id.charAt(1) - 0x40) << 21
            | (id.charAt(2) - 0x40) << 16
            | Integer.parseInt(id.substring(3), 16);
    return bytes(DWORD_PREFIX, little(Integer.reverseBytes(packed) & 0xffff_ffffL, 4));
  }

  /** A name: an optional root, then segments of up to four letters between dots. */
  private static byte[] name(String path) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    String rest = path;
    if (rest.startsWith("\\")) {
      out.write('\\');
      rest = rest.substring(1);
    }
    String[] segments = rest.split("\\.", -1);
    if (segments.length == 2) {
      out.write(0x2e);
    } else if (segments.length > 2) {
      out.write(0x2f);
      out.write(segments.length);
    }
    for (String segment : segments) {
      out.writeBytes((segment + "____").substring(0, 4).getBytes(StandardCharsets.US_ASCII));
    }
    return out.toByteArray();
  }

  /** Contents with their PkgLength in front (20.2.4), which counts its own bytes. */
  private static byte[] sized(byte[] content) {
    int length = content.length + 1;
    if (length < 0x40) {
      return bytes(length, content);
    }
    int more = length + 1 < 1 << 12 ? 1 : length + 2 < 1 << 20 ? 2 : 3;
    length += more;
    return bytes(more << 6 | (length & 0xf), join(little(length >>> 4, more), content));
  }

  private static byte[] bytes(int first, byte[] rest) {
    return join(new byte[] {(byte) first}, rest);
  }

  /** A little-endian integer. */
  static byte[] little(long value, int size) {
    byte[] result = new byte[size];
    for (int i = 0; i < size; i++) {
      result[i] = (byte) (value >>> (i * 8));
    }
    return result;
  }

  /** Terms one after the other. */
  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
