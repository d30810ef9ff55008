package isola.cpu.x86.interpreter;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.PageFlags;
import isola.core.memory.RawMemory;
import isola.core.memory.WriteObserver;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which processors hold decoded code of which guest page, so that a write to one reaches them. Any
 * thread.
 */
final class CodePages implements WriteObserver {
  private final GuestMemory memory;
  private final Map<Long, Long> holders = new HashMap<>();
  private final List<InterpreterVcpu> vcpus = new ArrayList<>();

  CodePages(GuestMemory memory) {
    this.memory = memory;
  }

  void add(InterpreterVcpu vcpu) {
    synchronized (holders) {
      vcpus.add(vcpu);
    }
  }

  /**
   * Notes that a processor is about to decode code of a page; false if no other code of it is held
   * yet, and the caller must first make all stand still and call {@link #markFirst}.
   */
  boolean mark(int vcpu, long page) {
    synchronized (holders) {
      Long mask = holders.get(page);
      if (mask == null) {
        return false;
      }
      holders.put(page, mask | 1L << vcpu);
      return true;
    }
  }

  /** As {@link #mark}, while all processors stand still: takes away cached rights to write. */
  void markFirst(int vcpu, long page) {
    MemorySlot slot = memory.slotAt(page << 12);
    if (slot == null) {
      return;
    }
    synchronized (holders) {
      holders.merge(page, 1L << vcpu, (a, b) -> a | b);
      change(slot, page, PageFlags.CODE, 0);
      long hostPage = slot.host(page << 12);
      for (InterpreterVcpu each : vcpus) {
        each.cpu().protectHostPage(hostPage);
      }
    }
  }

  /** Notes that a processor holds no code of a page any more. */
  void unmark(int vcpu, long page) {
    synchronized (holders) {
      Long mask = holders.get(page);
      if (mask == null) {
        return;
      }
      long left = mask & ~(1L << vcpu);
      if (left != 0) {
        holders.put(page, left);
        return;
      }
      holders.remove(page);
      MemorySlot slot = memory.slotAt(page << 12);
      if (slot != null) {
        change(slot, page, 0, PageFlags.CODE);
      }
    }
  }

  private static void change(MemorySlot slot, long page, int set, int clear) {
    long flags = slot.flags(page << 12);
    byte old;
    do {
      old = RawMemory.getByte(flags);
    } while (!RawMemory.casByte(flags, old, (byte) ((old | set) & ~clear)));
  }

  @Override
  public void beforeWrite(long guestAddress, int length) {
    long mask;
    synchronized (holders) {
      Long found = holders.get(guestAddress >>> 12);
      if (found == null) {
        return;
      }
      mask = found;
    }
    for (int i = 0; mask != 0; i++, mask >>>= 1) {
      if ((mask & 1) != 0) {
        vcpus.get(i).codeWritten(guestAddress, length);
      }
    }
  }
}
