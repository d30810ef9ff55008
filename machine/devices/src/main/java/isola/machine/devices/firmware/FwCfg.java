package isola.machine.devices.firmware;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The firmware configuration device: items that are selected by number and read byte by byte. Items
 * are added while the machine is built. Any thread.
 */
public final class FwCfg implements PortDevice, Stateful<FwCfg.State> {
  /** Volatile state: what is selected, and how much of it has been read. */
  public record State(int selected, int offset) {}

  private static final byte[] NOTHING = {};

  // Configuration.
  private final Map<Integer, byte[]> items = new HashMap<>();
  private final Map<String, Integer> files = new LinkedHashMap<>();

  // Volatile state.
  private int selected;
  private int offset;

  /** A device with its signature and an empty directory. */
  public FwCfg() {
    items.put(FwCfgSpec.SIGNATURE, "QEMU".getBytes(StandardCharsets.US_ASCII));
    item(FwCfgSpec.ID, 4, 1);
    writeDirectory();
  }

  /** Adds an item of {@code size} bytes, 1 to 8, little-endian. */
  public synchronized void item(int key, int size, long value) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (value >>> (i * 8));
    }
    items.put(key, bytes);
  }

  /**
   * Adds a file.
   *
   * @param name such as {@code etc/acpi/rsdp}, at most 55 ASCII characters
   * @throws IllegalArgumentException if the name is too long or taken
   */
  public synchronized void file(String name, byte[] contents) {
    if (name.length() >= FwCfgSpec.NAME_BYTES || files.containsKey(name)) {
      throw new IllegalArgumentException("the name '%s' is too long or taken".formatted(name));
    }
    int key = FwCfgSpec.FIRST_FILE + files.size();
    files.put(name, key);
    items.put(key, contents.clone());
    writeDirectory();
  }

  /** The directory is big-endian: a count, then size, selector, two bytes unused, and name. */
  private void writeDirectory() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(ByteBuffer.allocate(4).putInt(files.size()).array());
    files.forEach(
        (name, key) -> {
          ByteBuffer entry = ByteBuffer.allocate(8 + FwCfgSpec.NAME_BYTES);
          entry.putInt(items.getOrDefault(key, NOTHING).length).putShort(key.shortValue());
          entry.putShort((short) 0).put(name.getBytes(StandardCharsets.US_ASCII));
          out.writeBytes(entry.array());
        });
    items.put(FwCfgSpec.DIRECTORY, out.toByteArray());
  }

  @Override
  public synchronized int in(int port, int size) {
    if (port == 0 && size != 1) {
      return selected;
    }
    byte[] item = items.getOrDefault(selected, NOTHING);
    // Past an item's end there are zeros.
    int value = offset < item.length ? item[offset++] & 0xff : 0;
    return value | 0xffff_ff00;
  }

  @Override
  public synchronized void out(int port, int size, int value) {
    if (port == 0 && size != 1) {
      selected = value & FwCfgSpec.KEY_BITS;
      offset = 0;
    }
  }

  @Override
  public synchronized void reset() {
    selected = 0;
    offset = 0;
  }

  @Override
  public synchronized State save() {
    return new State(selected, offset);
  }

  @Override
  public synchronized void restore(State state) {
    selected = state.selected & FwCfgSpec.KEY_BITS;
    offset = Math.max(state.offset, 0);
  }
}
