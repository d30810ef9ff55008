package isola.cpu.translator;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The blocks of one processor, by address and by guest page. Owner thread only. */
final class BlockMap {
  private static final int BUCKETS = 1 << 16;

  /** Writes to a page that hit no code before all its code is dropped, so that they get cheap. */
  private static final int MISSES = 256;

  private static final class Page {
    final List<Block> blocks = new ArrayList<>();

    /** Pieces of 64 bytes that a block was made from or relies on, by bit; perhaps more. */
    long chunks;

    int misses;

    void add(Block block, long relied) {
      blocks.add(block);
      chunks |= relied;
    }
  }

  private final @Nullable Block[] buckets = new Block[BUCKETS];
  private final Map<Long, Page> pages = new HashMap<>();
  private int count;

  private static int bucket(long rip, long guestBytes) {
    long h = (rip ^ Long.rotateLeft(guestBytes, 32)) * 0x9e37_79b9_7f4a_7c15L;
    return (int) (h >>> 48);
  }

  @Nullable Block find(long rip, long guestBytes, int mode) {
    for (Block b = buckets[bucket(rip, guestBytes)]; b != null; b = b.next) {
      if (b.rip == rip && b.guestBytes == guestBytes && b.mode == mode) {
        return b;
      }
    }
    return null;
  }

  /** Takes a block in, whose pages are watched from now on unless it is a checking one. */
  void add(Block block) {
    int index = bucket(block.rip, block.guestBytes);
    block.next = buckets[index];
    buckets[index] = block;
    count++;
    if (block.checking) {
      return;
    }
    int first = (int) (block.rip & 4095);
    pages
        .computeIfAbsent(block.page, p -> new Page())
        .add(block, GuestCode.chunks(first, block.length) | block.ahead);
    if (block.secondPage >= 0) {
      long begun = GuestCode.chunks(0, first + block.length - 4096);
      pages.computeIfAbsent(block.secondPage, p -> new Page()).add(block, begun);
    }
  }

  private void remove(Block block) {
    int index = bucket(block.rip, block.guestBytes);
    Block previous = null;
    for (Block b = buckets[index]; b != null; b = b.next) {
      if (b == block) {
        if (previous == null) {
          buckets[index] = b.next;
        } else {
          previous.next = b.next;
        }
        count--;
        return;
      }
      previous = b;
    }
  }

  /** Forgets one. */
  void drop(Block block) {
    remove(block);
    for (long number : new long[] {block.page, block.secondPage}) {
      Page page = pages.get(number);
      if (page != null) {
        page.blocks.remove(block);
      }
    }
  }

  /**
   * Takes out the blocks that hold any of {@code length} bytes at a guest physical address.
   *
   * @param stale gets them
   * @return whether no block of the page is left
   */
  boolean written(long physical, int length, List<Block> stale) {
    Page page = pages.get(physical >>> 12);
    if (page == null) {
      return true;
    }
    if (page.blocks.isEmpty()) {
      // The last one was dropped by itself.
      pages.remove(physical >>> 12);
      return true;
    }
    int from = (int) (physical & 4095);
    long chunks = GuestCode.chunks(from, length);
    if ((page.chunks & chunks) == 0 && page.misses + 1 < MISSES) {
      page.misses++;
      return false;
    }
    for (Block block : page.blocks) {
      boolean second = block.secondPage == physical >>> 12;
      if ((!second && (block.ahead & chunks) != 0) || holds(block, second, from, length)) {
        stale.add(block);
      }
    }
    if (stale.isEmpty() && ++page.misses >= MISSES) {
      stale.addAll(page.blocks);
    }
    if (stale.isEmpty()) {
      return false;
    }
    for (Block block : stale) {
      remove(block);
    }
    if (stale.size() == page.blocks.size()) {
      pages.remove(physical >>> 12);
      return true;
    }
    page.blocks.removeAll(stale);
    return false;
  }

  /** Whether any of some bytes of a block's first page, or its second, are its code. */
  private static boolean holds(Block block, boolean second, int from, int length) {
    int first = (int) (block.rip & 4095);
    int start = second ? 0 : first;
    int end = second ? first + block.length - 4096 : first + block.length;
    return start < from + length && from < end;
  }

  /** Hands every block with code of its own to someone, once. */
  void each(Consumer<Block> action) {
    for (Block first : buckets) {
      for (Block b = first; b != null; b = b.next) {
        if (!b.interpreted) {
          action.accept(b);
        }
      }
    }
  }

  /** The block that a host address is in the code of, stale ones aside. */
  @Nullable Block containing(long host) {
    for (Block first : buckets) {
      for (Block b = first; b != null; b = b.next) {
        if (b.hostBegin <= host && host < b.hostEnd) {
          return b;
        }
      }
    }
    return null;
  }

  /** The guest pages that blocks are of. */
  Set<Long> pages() {
    return pages.keySet();
  }

  int count() {
    return count;
  }

  void clear() {
    Arrays.fill(buckets, null);
    pages.clear();
    count = 0;
  }
}
