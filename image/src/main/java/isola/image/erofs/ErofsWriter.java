package isola.image.erofs;

import static isola.image.erofs.ErofsSpec.BLOCK;
import static isola.image.erofs.ErofsSpec.BLOCK_BITS;
import static isola.image.erofs.ErofsSpec.INODE;
import static isola.image.erofs.ErofsSpec.SLOT;

import isola.image.ImageException;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node;
import isola.image.tree.Node.Directory;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.Special;
import isola.image.tree.Node.SymbolicLink;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Writes one EROFS image, uncompressed, in blocks of 4 KiB. The image has the superblock, then the
 * files' data in the order of {@link #store}, then the metadata. The end of a file that does not
 * fill a block stands beside its inode, as long as that saves room.
 *
 * <p>The same tree stored in the same order gives the same bytes.
 */
public final class ErofsWriter {
  /**
   * A file's last piece is kept in memory until {@link #finish} if it is no longer than this, else
   * it takes a block.
   */
  private static final int LONGEST_TAIL = 3072;

  private final FileChannel image;
  private final AtomicLong nextBlock = new AtomicLong(1);
  private final IdentityHashMap<Node, Inode> inodes = new IdentityHashMap<>();
  private final List<Inode> order = new ArrayList<>();

  /** What an inode will say. */
  private static final class Inode {
    final Node node;
    int links;
    long nid;
    long firstBlock;
    byte[] tail = new byte[0];
    long size;
    @Nullable DirectoryBlocks directory;

    Inode(Node node) {
      this.node = node;
    }
  }

  /**
   * A content in the image: whole blocks from {@code block} on, then {@code tail}, which stands
   * beside the inode.
   */
  private static final class Stored implements Content {
    private final FileChannel image;
    private final long block;
    private final long size;
    private final byte[] tail;

    Stored(FileChannel image, long block, long size, byte[] tail) {
      this.image = image;
      this.block = block;
      this.size = size;
      this.tail = tail;
    }

    @Override
    public long size() {
      return size;
    }

    @Override
    public InputStream open() {
      return new StoredStream(image, block << BLOCK_BITS, size - tail.length, tail);
    }
  }

  /** Writes to an empty file, open for reading and writing. The caller closes it. */
  public ErofsWriter(FileChannel image) {
    this.image = image;
  }

  /**
   * Copies a content into the image and tells it as one that the image has, for a file of the tree.
   * Any thread.
   *
   * @param in read to {@code size} bytes, not closed
   * @throws IOException if the image cannot be written or {@code in} ends early
   */
  public Content store(InputStream in, long size) throws IOException {
    int rest = (int) (size & (BLOCK - 1));
    boolean inline = rest <= LONGEST_TAIL;
    long blocks = (size >>> BLOCK_BITS) + (inline ? 0 : 1);
    long first = blocks == 0 ? 0 : nextBlock.getAndAdd(blocks);
    long direct = inline ? size - rest : size;
    byte[] piece = new byte[(int) Math.min(Math.max(direct, 1), 1 << 18)];
    long position = first << BLOCK_BITS;
    for (long left = direct; left > 0; ) {
      int count = (int) Math.min(left, piece.length);
      if (in.readNBytes(piece, 0, count) < count) {
        throw new EOFException("a file ended before its size");
      }
      writeFully(ByteBuffer.wrap(piece, 0, count), position);
      position += count;
      left -= count;
    }
    byte[] tail = inline ? in.readNBytes(rest) : new byte[0];
    if (inline && tail.length < rest) {
      throw new EOFException("a file ended before its size");
    }
    return new Stored(image, first, size, tail);
  }

  /**
   * Writes everything else: the contents that are not in the image yet, the directories, the
   * inodes, the superblock.
   *
   * @param time of making, in seconds since 1970
   * @param uuid 16 bytes that name the file system
   * @return bytes of the image
   */
  public long finish(FileTree tree, long time, byte[] uuid) throws IOException, ImageException {
    Inode root = number(tree.root());
    storeContents();
    layOutDirectories(tree.root(), root);
    long metaBlock = nextBlock.get();
    MetaSpace space = new MetaSpace();
    for (Inode inode : order) {
      boolean inline = inode.tail.length > 0;
      inode.nid = space.allocate(INODE + (inline ? inode.tail.length : 0));
    }
    writeDirectories(tree.root(), root, root);
    ByteBuffer meta =
        ByteBuffer.allocate(Math.toIntExact(space.blocks() << BLOCK_BITS))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < order.size(); i++) {
      writeInode(meta, order.get(i), i + 1);
    }
    writeFully(meta.rewind(), metaBlock << BLOCK_BITS);
    long blocks = metaBlock + space.blocks();
    writeSuperblock(root, metaBlock, blocks, time, uuid);
    return blocks << BLOCK_BITS;
  }

  /**
   * Gives each node an inode, the root first since its number has only 16 bits, and counts its
   * names.
   */
  private Inode number(Directory directory) {
    Inode inode = new Inode(directory);
    inodes.put(directory, inode);
    order.add(inode);
    inode.links = 2;
    for (Node node : directory.entries().values()) {
      if (node instanceof Directory child) {
        number(child);
        inode.links++;
      } else {
        Inode known = inodes.get(node);
        if (known == null) {
          known = new Inode(node);
          inodes.put(node, known);
          order.add(known);
        }
        known.links++;
      }
    }
    return inode;
  }

  private void storeContents() throws IOException, ImageException {
    for (Inode inode : order) {
      switch (inode.node) {
        case RegularFile file -> place(inode, file.content());
        case SymbolicLink link -> {
          byte[] target = link.target().getBytes(StandardCharsets.ISO_8859_1);
          place(inode, new Content.Bytes(target));
        }
        case Special special -> {}
        case Directory directory -> {}
      }
    }
  }

  private void place(Inode inode, Content content) throws IOException, ImageException {
    Content placed = content;
    if (!(content instanceof Stored stored && stored.image == image)) {
      try (InputStream in = content.open()) {
        placed = store(in, content.size());
      } catch (EOFException e) {
        String what = content instanceof Content.HostFile file ? file.path().toString() : "a file";
        throw new ImageException("While it was copied, " + what + " became shorter; try again.", e);
      }
    }
    Stored stored = (Stored) placed;
    inode.firstBlock = stored.block;
    inode.size = stored.size;
    inode.tail = stored.tail;
  }

  private void layOutDirectories(Directory directory, Inode inode) {
    DirectoryBlocks blocks = new DirectoryBlocks(directory);
    inode.directory = blocks;
    inode.size = blocks.size();
    int rest = (int) (inode.size & (BLOCK - 1));
    boolean inline = rest > 0 && rest <= LONGEST_TAIL;
    inode.tail = new byte[inline ? rest : 0];
    int whole = blocks.count() - (inline ? 1 : 0);
    inode.firstBlock = whole == 0 ? 0 : nextBlock.getAndAdd(whole);
    for (Node node : directory.entries().values()) {
      if (node instanceof Directory child) {
        layOutDirectories(child, inode(child));
      }
    }
  }

  private Inode inode(Node node) {
    Inode inode = inodes.get(node);
    if (inode == null) {
      throw new IllegalStateException("the tree was changed while it was written");
    }
    return inode;
  }

  private void writeDirectories(Directory directory, Inode inode, Inode parent) throws IOException {
    DirectoryBlocks blocks = inode.directory;
    if (blocks == null) {
      throw new IllegalStateException("a directory has no place");
    }
    byte[] all = blocks.write(inode.nid, parent.nid, node -> inode(node).nid);
    int direct = all.length - inode.tail.length;
    System.arraycopy(all, direct, inode.tail, 0, inode.tail.length);
    int padded = (direct + BLOCK - 1) & -BLOCK;
    ByteBuffer whole = ByteBuffer.allocate(padded).put(0, all, 0, direct);
    writeFully(whole, inode.firstBlock << BLOCK_BITS);
    for (Node node : directory.entries().values()) {
      if (node instanceof Directory child) {
        writeDirectories(child, inode(child), inode);
      }
    }
  }

  private static void writeInode(ByteBuffer meta, Inode inode, int number) {
    int at = Math.toIntExact(inode.nid * SLOT);
    Node node = inode.node;
    int union = (int) inode.firstBlock;
    int type =
        switch (node) {
          case RegularFile file -> ErofsSpec.S_IFREG;
          case Directory directory -> ErofsSpec.S_IFDIR;
          case SymbolicLink link -> ErofsSpec.S_IFLNK;
          case Special special -> {
            union = deviceNumber(special);
            yield switch (special.kind()) {
              case CHARACTER -> ErofsSpec.S_IFCHR;
              case BLOCK -> ErofsSpec.S_IFBLK;
              case PIPE -> ErofsSpec.S_IFIFO;
            };
          }
        };
    boolean inline = inode.tail.length > 0;
    meta.putShort(
        at + ErofsSpec.I_FORMAT,
        (short) (inline ? ErofsSpec.FORMAT_INLINE : ErofsSpec.FORMAT_PLAIN));
    meta.putShort(at + ErofsSpec.I_MODE, (short) (type | node.attributes().mode()));
    meta.putLong(at + ErofsSpec.I_SIZE, inode.size);
    meta.putInt(at + ErofsSpec.I_UNION, union);
    meta.putInt(at + ErofsSpec.I_INO, number);
    meta.putInt(at + ErofsSpec.I_UID, node.attributes().uid());
    meta.putInt(at + ErofsSpec.I_GID, node.attributes().gid());
    meta.putLong(at + ErofsSpec.I_MTIME, node.attributes().time());
    meta.putInt(at + ErofsSpec.I_NLINK, inode.links);
    meta.put(at + INODE, inode.tail);
  }

  /** A device's number as the kernel stores it; Linux include/linux/kdev_t.h, new_encode_dev. */
  private static int deviceNumber(Special special) {
    int minor = special.minor();
    return (minor & 0xff) | (special.major() << 8) | ((minor & ~0xff) << 12);
  }

  private void writeSuperblock(Inode root, long metaBlock, long blocks, long time, byte[] uuid)
      throws IOException, ImageException {
    if (blocks > 0xFFFF_FFFFL) {
      throw new ImageException("The image would be over 16 TiB.");
    }
    ByteBuffer block = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
    int at = ErofsSpec.SUPER_OFFSET;
    block.putInt(at + ErofsSpec.SB_MAGIC, ErofsSpec.MAGIC);
    block.putInt(
        at + ErofsSpec.SB_FEATURE_COMPAT, ErofsSpec.COMPAT_CHECKSUM | ErofsSpec.COMPAT_MTIME);
    block.put(at + ErofsSpec.SB_BLOCK_BITS, (byte) BLOCK_BITS);
    block.putShort(at + ErofsSpec.SB_ROOT_NID, (short) root.nid);
    block.putLong(at + ErofsSpec.SB_INODES, order.size());
    block.putLong(at + ErofsSpec.SB_BUILD_TIME, time);
    block.putInt(at + ErofsSpec.SB_BLOCKS, (int) blocks);
    block.putInt(at + ErofsSpec.SB_META_BLOCK, (int) metaBlock);
    block.put(at + ErofsSpec.SB_UUID, uuid, 0, 16);
    CRC32C checksum = new CRC32C();
    checksum.update(block.array(), at, BLOCK - at);
    // The kernel's crc32c() does not invert at the end; java.util.zip's does.
    block.putInt(at + ErofsSpec.SB_CHECKSUM, ~(int) checksum.getValue());
    writeFully(block, 0);
  }

  private void writeFully(ByteBuffer bytes, long position) throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      at += image.write(bytes, at);
    }
  }

  /**
   * Hands out room in the metadata area. An inode and the data beside it never cross a block's end;
   * the free ends of earlier blocks are used for what fits best.
   */
  private static final class MetaSpace {
    private final NavigableMap<Integer, List<Long>> free = new TreeMap<>();
    private long end;

    MetaSpace() {
      // Number 0 stays free: a directory entry with inode number 0 counts as deleted.
      end = BLOCK;
      release(2 * SLOT, BLOCK - 2 * SLOT);
    }

    private void release(long offset, int length) {
      if (length >= INODE) {
        free.computeIfAbsent(length, key -> new ArrayList<>()).add(offset);
      }
    }

    /** Tells the number of an inode that takes so many bytes with what stands beside it. */
    long allocate(int bytes) {
      int length = (bytes + SLOT - 1) & -SLOT;
      Map.Entry<Integer, List<Long>> fit = free.ceilingEntry(length);
      long offset = end;
      int room = BLOCK;
      if (fit == null) {
        end += BLOCK;
      } else {
        room = fit.getKey();
        offset = fit.getValue().removeLast();
        if (fit.getValue().isEmpty()) {
          free.remove(room);
        }
      }
      release(offset + length, room - length);
      return offset / SLOT;
    }

    long blocks() {
      return end >>> BLOCK_BITS;
    }
  }
}
