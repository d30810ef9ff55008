package isola.machine.devices.virtio;

import isola.core.bus.MmioDevice;
import isola.machine.devices.pci.PciCapability;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The PCI configuration access capability (VirtIO 1.3, 4.1.4.9): a window in configuration space
 * onto the structures, for drivers that cannot reach a BAR. Any thread.
 */
final class ConfigurationWindow implements PciCapability {
  private static final int LENGTH = 20;
  private static final int BAR = 4;
  private static final int OFFSET = 8;
  private static final int SIZE = 12;
  private static final int DATA = 16;

  private final MmioDevice structures;
  private final int barSize;
  private final ByteBuffer fields = ByteBuffer.allocate(LENGTH).order(ByteOrder.LITTLE_ENDIAN);

  /** A window onto the only BAR that has structures, of {@code barSize} bytes. */
  ConfigurationWindow(MmioDevice structures, int barSize) {
    this.structures = structures;
    this.barSize = barSize;
    fields.put(2, (byte) LENGTH).put(3, (byte) VirtioSpec.CAP_PCI_CFG);
  }

  @Override
  public int id() {
    return 0x09;
  }

  @Override
  public int length() {
    return LENGTH;
  }

  synchronized byte[] save() {
    return fields.array().clone();
  }

  synchronized void restore(byte[] saved) {
    if (saved.length != LENGTH) {
      throw new IllegalArgumentException("the saved configuration window has another size");
    }
    fields.put(BAR, saved[BAR]);
    fields.put(OFFSET, saved, OFFSET, LENGTH - OFFSET);
  }

  /**
   * The access that the window is set to, as its size in bytes, or 0 if it is set to nothing that
   * exists.
   */
  private synchronized int window() {
    int size = fields.getInt(SIZE);
    long offset = fields.getInt(OFFSET) & 0xffff_ffffL;
    boolean valid =
        fields.get(BAR) == 0
            && (size == 1 || size == 2 || size == 4)
            && offset % size == 0
            && offset + size <= barSize;
    return valid ? size : 0;
  }

  @Override
  public int read(int offset, int size) {
    if (offset >= DATA) {
      int width = window();
      long data = width == 0 ? 0 : structures.read(fields.getInt(OFFSET), width);
      return (int) (data >>> ((offset - DATA) * 8));
    }
    synchronized (this) {
      int value = 0;
      for (int i = 0; i < size; i++) {
        value |= (fields.get(offset + i) & 0xff) << (i * 8);
      }
      return value;
    }
  }

  @Override
  public void write(int offset, int size, int value) {
    if (offset >= DATA) {
      int width = window();
      if (width != 0 && offset == DATA) {
        structures.write(fields.getInt(OFFSET), width, value & 0xffff_ffffL);
      }
      return;
    }
    synchronized (this) {
      for (int i = 0; i < size; i++) {
        int at = offset + i;
        if (at == BAR || at >= OFFSET) {
          fields.put(at, (byte) (value >>> (i * 8)));
        }
      }
    }
  }
}
