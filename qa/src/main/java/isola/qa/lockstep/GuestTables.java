package isola.qa.lockstep;

import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.PageTable;
import isola.cpu.x86.state.CpuState;

/** A guest's page tables as a debugger reads them: nothing is marked accessed. */
final class GuestTables {
  private static final long PAGING = 1L << 31;
  private static final long LONG_MODE = 1L << 10;
  private static final long FRAME = 0x000f_ffff_ffff_f000L;
  private static final int LARGE = 1 << 7;

  private GuestTables() {}

  /** Physical address of a linear one under four-level or no paging, or -1. */
  static long physical(GuestMemory memory, long state, long linear) {
    if ((RawMemory.getLong(state + CpuState.CR0) & PAGING) == 0) {
      return linear & 0xffff_ffffL;
    }
    if ((RawMemory.getLong(state + CpuState.EFER) & LONG_MODE) == 0) {
      return -1;
    }
    long table = RawMemory.getLong(state + CpuState.CR3) & FRAME;
    for (int shift = 39; shift >= 12; shift -= 9) {
      long at = table + (linear >>> shift & 511) * 8;
      if (memory.slotAt(at) == null) {
        return -1;
      }
      long entry = memory.get(at, 8);
      if ((entry & PageTable.P) == 0) {
        return -1;
      }
      if (shift == 12 || (shift < 39 && (entry & LARGE) != 0)) {
        long inside = (1L << shift) - 1;
        return (entry & FRAME & ~inside) | (linear & inside);
      }
      table = entry & FRAME;
    }
    return -1;
  }
}
