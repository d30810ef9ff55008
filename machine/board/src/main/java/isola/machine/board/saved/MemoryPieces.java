package isola.machine.board.saved;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.machine.board.saved.Description.Extent;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Which pages of guest memory hold anything, and how they are put into few pieces of a file: zeros
 * shorter than {@link #gap} stay inside a piece, as a hole of the file, so that a machine of any
 * size is mapped with at most some thousand calls.
 */
final class MemoryPieces {
  private static final int PAGE = SavedFormat.PAGE;
  private static final long SMALLEST_GAP = 1 << 20;
  private static final int PIECES = 4096;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[PAGE]);

  /** A slot with the numbers of its pages that are not zero. */
  record Used(MemorySlot slot, BitSet pages) {}

  final List<Used> used = new ArrayList<>();
  final List<Extent> extents = new ArrayList<>();

  /** Bytes of all pieces together. */
  final long bytes;

  /** Looks at memory that nobody changes meanwhile. */
  MemoryPieces(GuestMemory memory) {
    long whole = memory.slots().stream().mapToLong(MemorySlot::size).sum();
    int gap = (int) (gap(whole) / PAGE);
    long offset = 0;
    for (MemorySlot slot : memory.slots()) {
      BitSet pages = pages(slot);
      used.add(new Used(slot, pages));
      int from = pages.nextSetBit(0);
      while (from >= 0) {
        int end = pages.nextClearBit(from);
        int next = pages.nextSetBit(end);
        while (next >= 0 && next - end < gap) {
          end = pages.nextClearBit(next);
          next = pages.nextSetBit(end);
        }
        long length = (long) (end - from) * PAGE;
        extents.add(new Extent(slot.guestBase() + (long) from * PAGE, offset, length));
        offset += length;
        from = next;
      }
    }
    bytes = offset;
  }

  private static long gap(long memory) {
    return Math.max(SMALLEST_GAP, memory / PIECES);
  }

  private static BitSet pages(MemorySlot slot) {
    BitSet pages = new BitSet();
    MemorySegment view = RawMemory.view(slot.hostAddress(), slot.size());
    int count = (int) (slot.size() / PAGE);
    for (int page = 0; page < count; page++) {
      long at = (long) page * PAGE;
      // Most pages that are not zero show it in their first words.
      if (RawMemory.getLong(slot.hostAddress() + at) != 0
          || MemorySegment.mismatch(view, at, at + PAGE, ZEROS, 0, PAGE) >= 0) {
        pages.set(page);
      }
    }
    return pages;
  }
}
