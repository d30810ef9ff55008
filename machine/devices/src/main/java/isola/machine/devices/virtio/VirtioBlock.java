package isola.machine.devices.virtio;

import isola.core.backend.BlockBackend;
import isola.core.memory.GuestMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.Executor;

/** The block device (VirtIO 1.3, 5.2): one request queue; flush, discard and write-zeroes. */
final class VirtioBlock extends SingleQueueDevice {
  // 5.2.3 Feature bits
  private static final long F_SEG_MAX = 1L << 2;
  private static final long F_RO = 1L << 5;
  private static final long F_BLK_SIZE = 1L << 6;
  private static final long F_FLUSH = 1L << 9;
  private static final long F_DISCARD = 1L << 13;
  private static final long F_WRITE_ZEROES = 1L << 14;

  // 5.2.6 Device Operation
  private static final int T_IN = 0;
  private static final int T_OUT = 1;
  private static final int T_FLUSH = 4;
  private static final int T_GET_ID = 8;
  private static final int T_DISCARD = 11;
  private static final int T_WRITE_ZEROES = 13;
  private static final int S_OK = 0;
  private static final int S_IOERR = 1;
  private static final int S_UNSUPP = 2;

  private static final int SECTOR = 512;
  private static final int HEADER = 16;
  private static final int RANGE = 16;
  private static final int ID_BYTES = 20;
  private static final int QUEUE_SIZE = 256;
  private static final int MAX_RANGE_SECTORS = 1 << 22;
  private static final int MAX_RANGES = 16;
  private static final int CONFIG_SIZE = 60;

  // Configuration.
  private final byte[] id;
  // Wiring.
  private final BlockBackend backend;
  // Scratch of the worker.
  private final byte[] header = new byte[HEADER];
  private final byte[] range = new byte[RANGE];
  private final byte[] status = new byte[1];
  // Volatile state, under the lock.
  private long errors;

  /**
   * A disk.
   *
   * @param id what the guest sees as its serial number, up to 20 ASCII characters
   * @param executor works off the requests, on any of its threads, one at a time
   */
  VirtioBlock(GuestMemory memory, BlockBackend backend, String id, Executor executor) {
    super(memory, QUEUE_SIZE, executor);
    this.backend = backend;
    this.id = Arrays.copyOf(id.getBytes(StandardCharsets.US_ASCII), ID_BYTES);
  }

  @Override
  public int type() {
    return VirtioSpec.TYPE_BLOCK;
  }

  @Override
  public int pciClass() {
    return 0x01_80_00;
  }

  @Override
  public long features() {
    long common = F_SEG_MAX | F_BLK_SIZE | F_FLUSH;
    return backend.readOnly() ? common | F_RO : common | F_DISCARD | F_WRITE_ZEROES;
  }

  @Override
  public synchronized long errors() {
    return errors;
  }

  @Override
  public int config(int offset) {
    if (offset >= CONFIG_SIZE) {
      return 0;
    }
    ByteBuffer config = ByteBuffer.allocate(CONFIG_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    config.putLong(0, backend.size() / SECTOR);
    config.putInt(12, QUEUE_SIZE - 2);
    config.putInt(20, SECTOR);
    config.putInt(36, MAX_RANGE_SECTORS);
    config.putInt(40, MAX_RANGES);
    config.putInt(44, 4096 / SECTOR);
    config.putInt(48, MAX_RANGE_SECTORS);
    config.putInt(52, MAX_RANGES);
    config.put(56, (byte) 1);
    return config.get(offset) & 0xff;
  }

  @Override
  int serve(DescriptorChain request) {
    long room = request.writableBytes();
    if (room < 1 || !request.read(0, header, 0, HEADER)) {
      return 0;
    }
    ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
    int type = fields.getInt(0);
    long sector = fields.getLong(8);
    int result;
    try {
      result =
          switch (type) {
            case T_IN -> readSectors(request, sector, room - 1);
            case T_OUT -> writeSectors(request, sector, request.readableBytes() - HEADER);
            case T_FLUSH -> flush();
            case T_GET_ID ->
                request.write(0, id, 0, (int) Math.min(ID_BYTES, room - 1)) ? S_OK : S_IOERR;
            case T_DISCARD, T_WRITE_ZEROES -> ranges(request, type);
            default -> S_UNSUPP;
          };
    } catch (IOException e) {
      errors++;
      result = S_IOERR;
    }
    status[0] = (byte) result;
    request.write(room - 1, status, 0, 1);
    boolean filled = result == S_OK && (type == T_IN || type == T_GET_ID);
    return filled ? (int) room : 1;
  }

  private boolean inside(long sector, long bytes) {
    return sector >= 0
        && sector <= backend.size() / SECTOR
        && bytes % SECTOR == 0
        && bytes <= backend.size() - sector * SECTOR;
  }

  private int readSectors(DescriptorChain request, long sector, long bytes) throws IOException {
    if (!inside(sector, bytes)) {
      return S_IOERR;
    }
    IoStep step = new IoStep((done, segment) -> backend.read(sector * SECTOR + done, segment));
    return step.finished(request.forEachWritable(0, bytes, step)) ? S_OK : S_IOERR;
  }

  private int writeSectors(DescriptorChain request, long sector, long bytes) throws IOException {
    if (backend.readOnly() || bytes < 0 || !inside(sector, bytes)) {
      return S_IOERR;
    }
    IoStep step = new IoStep((done, segment) -> backend.write(sector * SECTOR + done, segment));
    return step.finished(request.forEachReadable(HEADER, bytes, step)) ? S_OK : S_IOERR;
  }

  private int flush() throws IOException {
    backend.flush();
    return S_OK;
  }

  /** 5.2.6.1: discard and write-zeroes carry a list of ranges. */
  private int ranges(DescriptorChain request, int type) throws IOException {
    long bytes = request.readableBytes() - HEADER;
    if (backend.readOnly() || bytes <= 0 || bytes % RANGE != 0 || bytes / RANGE > MAX_RANGES) {
      return S_IOERR;
    }
    for (long at = HEADER; at < HEADER + bytes; at += RANGE) {
      if (!request.read(at, range, 0, RANGE)) {
        return S_IOERR;
      }
      ByteBuffer fields = ByteBuffer.wrap(range).order(ByteOrder.LITTLE_ENDIAN);
      long sector = fields.getLong(0);
      long length = (fields.getInt(8) & 0xffff_ffffL) * SECTOR;
      int flags = fields.getInt(12);
      if ((flags & ~(type == T_WRITE_ZEROES ? 1 : 0)) != 0) {
        return S_UNSUPP;
      }
      if (length > (long) MAX_RANGE_SECTORS * SECTOR || !inside(sector, length)) {
        return S_IOERR;
      }
      backend.discard(sector * SECTOR, length);
    }
    return S_OK;
  }
}
