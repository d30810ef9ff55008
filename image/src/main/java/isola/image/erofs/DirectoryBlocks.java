package isola.image.erofs;

import static isola.image.erofs.ErofsSpec.BLOCK;
import static isola.image.erofs.ErofsSpec.DIRENT;

import isola.image.tree.Node;
import isola.image.tree.Node.Directory;
import isola.image.tree.Node.RegularFile;
import isola.image.tree.Node.Special;
import isola.image.tree.Node.SymbolicLink;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * A directory's data: blocks of entries, each followed by their names, sorted by name over all
 * blocks so that the kernel can search them. {@code .} and {@code ..} are sorted in among the
 * others.
 */
final class DirectoryBlocks {
  private final Directory directory;
  private final SortedMap<String, Node> all;

  /** The names of each block. */
  private final List<List<String>> blocks = new ArrayList<>();

  private int lastUsed;

  DirectoryBlocks(Directory directory) {
    this.directory = directory;
    this.all = new TreeMap<>(directory.entries());
    all.put(".", directory);
    all.put("..", directory);
    List<String> block = new ArrayList<>();
    int used = 0;
    for (String name : all.keySet()) {
      int needed = DIRENT + name.length();
      if (used + needed > BLOCK) {
        blocks.add(block);
        block = new ArrayList<>();
        used = 0;
      }
      block.add(name);
      used += needed;
    }
    blocks.add(block);
    lastUsed = used;
  }

  int count() {
    return blocks.size();
  }

  /** Bytes, the last block only as far as it is used. */
  long size() {
    return (long) (blocks.size() - 1) * BLOCK + lastUsed;
  }

  /** All bytes, now that every inode has its number. */
  byte[] write(long self, long parent, ToLongFunction<Node> number) {
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(size())).order(ByteOrder.LITTLE_ENDIAN);
    for (int b = 0; b < blocks.size(); b++) {
      int base = b * BLOCK;
      int entry = base;
      int names = blocks.get(b).size() * DIRENT;
      for (String name : blocks.get(b)) {
        byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
        Node node = all.getOrDefault(name, directory);
        long nid =
            switch (name) {
              case "." -> self;
              case ".." -> parent;
              default -> number.applyAsLong(node);
            };
        out.putLong(entry + ErofsSpec.D_NID, nid);
        out.putShort(entry + ErofsSpec.D_NAME_OFFSET, (short) names);
        out.put(entry + ErofsSpec.D_TYPE, type(node));
        out.put(base + names, bytes);
        names += bytes.length;
        entry += DIRENT;
      }
    }
    return out.array();
  }

  private static byte type(Node node) {
    return switch (node) {
      case RegularFile file -> ErofsSpec.TYPE_FILE;
      case Directory directory -> ErofsSpec.TYPE_DIRECTORY;
      case SymbolicLink link -> ErofsSpec.TYPE_LINK;
      case Special special ->
          switch (special.kind()) {
            case CHARACTER -> ErofsSpec.TYPE_CHARACTER;
            case BLOCK -> ErofsSpec.TYPE_BLOCK;
            case PIPE -> ErofsSpec.TYPE_PIPE;
          };
    };
  }
}
