package isola.image.erofs;

/**
 * EROFS on disk. Source: Linux fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst. All
 * numbers are little-endian.
 */
final class ErofsSpec {
  static final int BLOCK_BITS = 12;
  static final int BLOCK = 1 << BLOCK_BITS;

  /** Where the superblock begins; its checksum covers from there to the block's end. */
  static final int SUPER_OFFSET = 1024;

  static final int MAGIC = 0xE0F5E1E2;
  static final int COMPAT_CHECKSUM = 1;
  static final int COMPAT_MTIME = 2;

  /** Offsets in struct erofs_super_block. */
  static final int SB_MAGIC = 0;

  static final int SB_CHECKSUM = 4;
  static final int SB_FEATURE_COMPAT = 8;
  static final int SB_BLOCK_BITS = 12;
  static final int SB_ROOT_NID = 14;
  static final int SB_INODES = 16;
  static final int SB_BUILD_TIME = 24;
  static final int SB_BLOCKS = 36;
  static final int SB_META_BLOCK = 40;
  static final int SB_UUID = 48;

  /** An inode's number is its distance from the metadata area's start in units of this. */
  static final int SLOT = 32;

  /** struct erofs_inode_extended: its size, and offsets in it. */
  static final int INODE = 64;

  static final int I_FORMAT = 0;
  static final int I_MODE = 4;
  static final int I_SIZE = 8;
  static final int I_UNION = 16;
  static final int I_INO = 20;
  static final int I_UID = 24;
  static final int I_GID = 28;
  static final int I_MTIME = 32;
  static final int I_NLINK = 44;

  /** i_format: bit 0 is the extended form, bits 1 to 3 the layout of the data. */
  static final int FORMAT_PLAIN = 1;

  static final int FORMAT_INLINE = 1 | 2 << 1;

  /** struct erofs_dirent: its size, and offsets in it. */
  static final int DIRENT = 12;

  static final int D_NID = 0;
  static final int D_NAME_OFFSET = 8;
  static final int D_TYPE = 10;

  /** Types in a directory entry. */
  static final byte TYPE_FILE = 1;

  static final byte TYPE_DIRECTORY = 2;
  static final byte TYPE_CHARACTER = 3;
  static final byte TYPE_BLOCK = 4;
  static final byte TYPE_PIPE = 5;
  static final byte TYPE_LINK = 7;

  /** stat(2) types. */
  static final int S_IFIFO = 0010000;

  static final int S_IFCHR = 0020000;
  static final int S_IFDIR = 0040000;
  static final int S_IFBLK = 0060000;
  static final int S_IFREG = 0100000;
  static final int S_IFLNK = 0120000;

  private ErofsSpec() {}
}
