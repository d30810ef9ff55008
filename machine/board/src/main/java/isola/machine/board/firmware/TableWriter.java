package isola.machine.board.firmware;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Collects a table's fields, little-endian, in order. */
final class TableWriter {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  TableWriter() {}

  /** One byte. */
  TableWriter u8(int value) {
    out.write(value);
    return this;
  }

  /** Two bytes. */
  TableWriter u16(int value) {
    out.writeBytes(Aml.little(value, 2));
    return this;
  }

  /** Four bytes. */
  TableWriter u32(long value) {
    out.writeBytes(Aml.little(value, 4));
    return this;
  }

  /** Eight bytes. */
  TableWriter u64(long value) {
    out.writeBytes(Aml.little(value, 8));
    return this;
  }

  /** Text, padded with blanks to {@code length} bytes. */
  TableWriter text(String value, int length) {
    String padded = value + " ".repeat(length - value.length());
    out.writeBytes(padded.getBytes(StandardCharsets.US_ASCII));
    return this;
  }

  /** Bytes as they are. */
  TableWriter bytes(byte[] value) {
    out.writeBytes(value);
    return this;
  }

  /** That many zero bytes. */
  TableWriter zeros(int count) {
    out.writeBytes(new byte[count]);
    return this;
  }

  /** How many bytes there are. */
  int size() {
    return out.size();
  }

  /** The bytes. */
  byte[] done() {
    return out.toByteArray();
  }

  /** The bytes, with the one at {@code at} set so that bytes 0 to {@code length - 1} sum to 0. */
  byte[] checksummed(int at, int length) {
    return checksum(out.toByteArray(), at, length);
  }

  static byte[] checksum(byte[] table, int at, int length) {
    table[at] = 0;
    int sum = 0;
    for (int i = 0; i < length; i++) {
      sum += table[i];
    }
    table[at] = (byte) -sum;
    return table;
  }
}
