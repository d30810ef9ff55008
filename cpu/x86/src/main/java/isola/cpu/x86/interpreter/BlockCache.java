package isola.cpu.x86.interpreter;

import isola.cpu.x86.decode.Insn;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The decoded blocks of one processor, found by host address, and by guest page when code is
 * written. Bounded: when full it starts anew. Owner thread only.
 */
final class BlockCache {
  /** Most instructions kept. */
  private static final int LIMIT = 600_000;

  private static final int BUCKETS = 1 << 16;

  /** Writes to a page that hit no code before its code is dropped, so that they get cheap again. */
  private static final int MISSES = 256;

  /** The blocks of one guest page. */
  private static final class Page {
    final List<Block> blocks = new ArrayList<>();

    /** One bit for each 64 bytes that hold code. */
    long lines;

    int misses;

    /** Whether the processor's accelerator holds code of it too. */
    boolean accelerated;
  }

  private final @Nullable Block[] buckets = new @Nullable Block[BUCKETS];
  private final Map<Long, Page> pages = new HashMap<>();
  private final CodePages codePages;
  private final Standstill standstill;
  private final int vcpu;
  private int instructions;
  private long flushes;
  private long built;

  BlockCache(int vcpu, CodePages codePages, Standstill standstill) {
    this.vcpu = vcpu;
    this.codePages = codePages;
    this.standstill = standstill;
  }

  private static int bucket(long host, long rip) {
    long h = (host ^ rip << 7) * 0x9e3779b97f4a7c15L;
    return (int) (h >>> 48);
  }

  @Nullable Block find(long host, long rip, int mode, long linear) {
    for (Block b = buckets[bucket(host, rip)]; b != null; b = b.bucket) {
      if (b.host == host && b.rip == rip && b.mode == mode && b.linear == linear) {
        return b;
      }
    }
    return null;
  }

  /** To be called before the accelerator reads code of a guest page. */
  void holdAccelerated(long page) {
    hold(page);
    Page held = pages.get(page);
    if (held != null) {
      held.accelerated = true;
    }
  }

  /** The accelerator holds no code of a page any more. */
  void releaseAccelerated(long page) {
    Page held = pages.get(page);
    if (held != null) {
      held.accelerated = false;
      if (held.blocks.isEmpty()) {
        pages.remove(page);
        codePages.unmark(vcpu, page);
      }
    }
  }

  /** To be called before code of a guest page is read. */
  void hold(long page) {
    if (!pages.containsKey(page)) {
      if (!codePages.mark(vcpu, page)) {
        standstill.enter();
        try {
          codePages.markFirst(vcpu, page);
        } finally {
          standstill.leave();
        }
      }
      pages.put(page, new Page());
    }
  }

  /** Makes room for another block if need be; true if everything was dropped. */
  boolean makeRoom() {
    if (instructions < LIMIT) {
      return false;
    }
    dropAll();
    return true;
  }

  void add(Block block) {
    int index = bucket(block.host, block.rip);
    block.bucket = buckets[index];
    buckets[index] = block;
    instructions += block.count;
    built++;
    int first = (int) (block.physical & 4095);
    register(block, block.physical >>> 12, first, Math.min(first + block.length, 4096));
    if (block.secondHost != 0) {
      register(block, block.secondPhysical >>> 12, 0, first + block.length - 4096);
    }
  }

  private void register(Block block, long number, int from, int to) {
    Page page = pages.get(number);
    if (page != null) {
      page.blocks.add(block);
      page.lines |= lines(from, to);
    }
  }

  private static long lines(int from, int to) {
    int first = from >> 6;
    int last = (to - 1) >> 6;
    return -1L << first & -1L >>> (63 - last);
  }

  /** Drops the blocks that hold any of {@code length} bytes at a guest physical address. */
  void written(long physical, int length) {
    long number = physical >>> 12;
    Page page = pages.get(number);
    if (page == null) {
      return;
    }
    int from = (int) (physical & 4095);
    int to = Math.min(from + length, 4096);
    if ((page.lines & lines(from, to)) == 0 && ++page.misses < MISSES) {
      return;
    }
    boolean all = page.misses >= MISSES;
    List<Block> kept = new ArrayList<>();
    long left = 0;
    for (Block block : page.blocks) {
      boolean second = block.physical >>> 12 != number;
      int start = second ? 0 : (int) (block.physical & 4095);
      int end =
          second
              ? (int) (block.physical & 4095) + block.length - 4096
              : Math.min(start + block.length, 4096);
      if (all || (start < to && from < end)) {
        drop(block);
      } else {
        kept.add(block);
        left |= lines(start, end);
      }
    }
    page.blocks.clear();
    page.blocks.addAll(kept);
    page.lines = left;
    if (kept.isEmpty() && !page.accelerated) {
      pages.remove(number);
      codePages.unmark(vcpu, number);
    }
  }

  /** Makes a block's instructions stale, so that whoever is in it or comes to it leaves at once. */
  private void drop(Block block) {
    int index = bucket(block.host, block.rip);
    Block previous = null;
    for (Block b = buckets[index]; b != null; b = b.bucket) {
      if (b == block) {
        if (previous == null) {
          buckets[index] = b.bucket;
        } else {
          previous.bucket = b.bucket;
        }
        instructions -= block.count;
        break;
      }
      previous = b;
    }
    stale(block);
  }

  private static void stale(Block block) {
    for (Insn insn = block.first; insn != null; insn = insn.next) {
      if (insn.handler != Handler.END) {
        insn.handler = Handler.STALE;
      }
    }
    block.linear = Block.NOWHERE;
    block.taken = null;
    block.fall = null;
  }

  void dropAll() {
    Iterator<Map.Entry<Long, Page>> all = pages.entrySet().iterator();
    while (all.hasNext()) {
      Map.Entry<Long, Page> entry = all.next();
      Page page = entry.getValue();
      for (Block block : page.blocks) {
        stale(block);
      }
      page.blocks.clear();
      page.lines = 0;
      if (!page.accelerated) {
        codePages.unmark(vcpu, entry.getKey());
        all.remove();
      }
    }
    Arrays.fill(buckets, null);
    instructions = 0;
    flushes++;
  }

  long built() {
    return built;
  }

  long flushes() {
    return flushes;
  }
}
