package isola.cpu.x86.cpu;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;

/**
 * Memory as instructions see it: loads, stores and instruction fetch at a privilege, through the
 * software TLB and the {@link Mmu}, watched by the data breakpoints. Owner thread only.
 */
public abstract sealed class LinearMemory extends Segmentation permits Cpu {
  /** The machine's physical memory. */
  public final GuestMemory memory;

  /** Paging. */
  public final Mmu mmu;

  final Tlb tlb;

  private boolean watching;
  private boolean alignmentCheck;
  private int privilege;

  /** Host address of the TLB table for accesses at the current privilege. */
  private long table;

  private int tlbOffset;

  /** Host address of the TLB table for instruction fetch. */
  private long fetchTable;

  LinearMemory(long state, GuestMemory memory, VcpuWiring wiring) {
    super(state, wiring);
    this.memory = memory;
    tlb = new Tlb(state);
    CpuidTable.Row sizes = wiring.cpuid().find(0x8000_0008, 0);
    mmu = new Mmu(this, tlb, sizes == null ? 40 : Math.clamp(sizes.eax() & 0xff, 32, 52));
  }

  @Override
  void pagingChanged() {
    mmu.modeChanged();
  }

  /** How pages are reached now, as the {@link Mmu} numbers it. */
  int privilege() {
    return privilege;
  }

  @Override
  void privilegeChanged() {
    boolean ac = (systemFlags() & Rflags.AC) != 0;
    boolean smap = (intField(CpuState.CR4) & Cr4.SMAP) != 0;
    privilege = cpl() == 3 ? Mmu.USER : ac && smap ? Mmu.SUPERVISOR_AC : Mmu.SUPERVISOR;
    watching = watchesData();
    alignmentCheck = ac && cpl() == 3 && (intField(CpuState.CR0) & Cr0.AM) != 0;
    if ((intField(CpuState.DR7) & 0xff) != 0) {
      attention(Attention.BOUNDARY);
    }
    table = tlb.table(watching || alignmentCheck ? Tlb.NEVER : privilege);
    tlbOffset = (int) (table - state);
    fetchTable = tlb.table(cpl() == 3 ? Tlb.USER : privilege);
  }

  // Memory by logical address.

  /** Loads 1, 2, 4 or 8 bytes, zero-extended. */
  public long load(int seg, long offset, int size) {
    return loadCurrent(linear(seg, offset, size, false), size);
  }

  /** Stores 1, 2, 4 or 8 bytes. */
  public void store(int seg, long offset, int size, long value) {
    storeCurrent(linear(seg, offset, size, true), size, value);
  }

  /** Raises every fault that loading {@code size} bytes (up to a few pages) would raise. */
  public void checkLoad(int seg, long offset, int size) {
    long linear = linear(seg, offset, size, false);
    checkPages(linear, size, Mmu.READ, privilege);
    if (watching) {
      watch(linear, size, false);
    }
  }

  /** Raises every fault that storing {@code size} bytes (up to a few pages) would raise. */
  public void checkStore(int seg, long offset, int size) {
    long linear = linear(seg, offset, size, true);
    checkPages(linear, size, Mmu.WRITE, privilege);
    if (watching) {
      watch(linear, size, true);
    }
  }

  // Memory by linear address.

  /** Loads at the current privilege from a linear address that segmentation let through. */
  public long loadCurrent(long linear, int size) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + Tlb.READ) == ((linear + (size - 1)) & -4096)) {
      return MemoryOrder.load(linear + RawMemory.getLong(entry + Tlb.ADDEND), size);
    }
    return loadSlow(linear, size);
  }

  /** Stores at the current privilege to a linear address that segmentation let through. */
  public void storeCurrent(long linear, int size, long value) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + Tlb.WRITE) == ((linear + (size - 1)) & -4096)) {
      MemoryOrder.store(linear + RawMemory.getLong(entry + Tlb.ADDEND), size, value);
    } else {
      storeSlow(linear, size, value);
    }
  }

  private long loadSlow(long linear, int size) {
    if (alignmentCheck && (linear & (size - 1)) != 0) {
      throw fault(Vector.AC, 0);
    }
    long value = loadThrough(linear, size, privilege);
    if (watching) {
      watch(linear, size, false);
    }
    return value;
  }

  private void storeSlow(long linear, int size, long value) {
    if (alignmentCheck && (linear & (size - 1)) != 0) {
      throw fault(Vector.AC, 0);
    }
    storeThrough(linear, size, value, privilege);
    if (watching) {
      watch(linear, size, true);
    }
  }

  /**
   * Loads from a linear address with the rights of the current privilege, or as an implicit
   * supervisor access (descriptor tables, TSS).
   */
  public long loadLinear(long linear, int size, boolean supervisor) {
    return supervisor ? loadThrough(linear, size, Mmu.SUPERVISOR) : loadCurrent(linear, size);
  }

  /** Stores to a linear address; see {@link #loadLinear}. */
  public void storeLinear(long linear, int size, long value, boolean supervisor) {
    if (supervisor) {
      storeThrough(linear, size, value, Mmu.SUPERVISOR);
    } else {
      storeCurrent(linear, size, value);
    }
  }

  /** Sets bits of a byte as a locked, implicit supervisor access (descriptors). */
  public void orLinear(long linear, int bits) {
    updateLinear(linear, bits, 0xff);
  }

  /** Keeps the masked bits of a byte as a locked, implicit supervisor access (descriptors). */
  public void andLinear(long linear, int mask) {
    updateLinear(linear, 0, mask);
  }

  private void updateLinear(long linear, int set, int keep) {
    long physical = mmu.translate(linear, Mmu.WRITE, Mmu.SUPERVISOR);
    MemorySlot slot = memory.slotAt(physical);
    if (slot == null || slot.readOnly()) {
      mmu.writePhysical(physical, 1, (mmu.readPhysical(physical, 1) & keep) | set);
      return;
    }
    memory.prepareWrite(slot, physical, 1);
    long host = slot.host(physical);
    byte old;
    do {
      old = RawMemory.getByte(host);
    } while (!RawMemory.casByte(host, old, (byte) ((old & keep) | set)));
  }

  /** Raises every fault that a store of {@code size} bytes would raise. */
  public void checkStoreLinear(long linear, int size, boolean supervisor) {
    checkPages(linear, size, Mmu.WRITE, supervisor ? Mmu.SUPERVISOR : privilege);
  }

  /** Raises every fault that a load of {@code size} bytes would raise. */
  public void checkLoadLinear(long linear, int size, boolean supervisor) {
    checkPages(linear, size, Mmu.READ, supervisor ? Mmu.SUPERVISOR : privilege);
  }

  private void checkPages(long linear, int size, int access, int how) {
    long last = nextLinear(linear, size - 1);
    long page = linear;
    while (true) {
      long entry = Tlb.entry(tlb.table(how), page);
      if (RawMemory.getLong(entry + (access == Mmu.WRITE ? Tlb.WRITE : Tlb.READ))
          != (page & -4096)) {
        mmu.translate(page, access, how);
      }
      if ((page & -4096) == (last & -4096)) {
        return;
      }
      page = nextLinear(page & -4096, 4096);
    }
  }

  private long nextLinear(long linear, int bytes) {
    return is64() || longModeActive() ? linear + bytes : (linear + bytes) & 0xffff_ffffL;
  }

  private long loadThrough(long linear, int size, int how) {
    if ((linear & 4095) + size <= 4096) {
      long entry = Tlb.entry(tlb.table(how), linear);
      if (RawMemory.getLong(entry + Tlb.READ) == (linear & -4096)) {
        return MemoryOrder.load(linear + RawMemory.getLong(entry + Tlb.ADDEND), size);
      }
      return mmu.readPhysical(mmu.translate(linear, Mmu.READ, how), size);
    }
    int head = 4096 - (int) (linear & 4095);
    long first = mmu.translate(linear, Mmu.READ, how);
    long second = mmu.translate(nextLinear(linear, head), Mmu.READ, how);
    long value = 0;
    for (int i = 0; i < size; i++) {
      long at = i < head ? first + i : second + (i - head);
      value |= mmu.readPhysical(at, 1) << (i * 8);
    }
    return value;
  }

  private void storeThrough(long linear, int size, long value, int how) {
    if ((linear & 4095) + size <= 4096) {
      long entry = Tlb.entry(tlb.table(how), linear);
      if (RawMemory.getLong(entry + Tlb.WRITE) == (linear & -4096)) {
        MemoryOrder.store(linear + RawMemory.getLong(entry + Tlb.ADDEND), size, value);
      } else {
        mmu.writePhysical(mmu.translate(linear, Mmu.WRITE, how), size, value);
      }
      return;
    }
    int head = 4096 - (int) (linear & 4095);
    long first = mmu.translate(linear, Mmu.WRITE, how);
    long second = mmu.translate(nextLinear(linear, head), Mmu.WRITE, how);
    for (int i = 0; i < size; i++) {
      long at = i < head ? first + i : second + (i - head);
      mmu.writePhysical(at, 1, value >>> (i * 8));
    }
  }

  /**
   * Host address for loading {@code size} bytes inside a page at the current privilege from a
   * linear address that segmentation let through; 0 where the slow way must be taken.
   */
  public long readHost(long linear, int size) {
    long entry = Tlb.entry(table, linear);
    return RawMemory.getLong(entry + Tlb.READ) == ((linear + (size - 1)) & -4096)
        ? linear + RawMemory.getLong(entry + Tlb.ADDEND)
        : 0;
  }

  /**
   * Host address for an atomic update of {@code size} bytes inside a page at the current privilege,
   * with write rights checked; 0 if the bytes are not plain writable RAM.
   */
  public long atomicHost(long linear, int size) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + Tlb.WRITE) == ((linear + (size - 1)) & -4096)) {
      return linear + RawMemory.getLong(entry + Tlb.ADDEND);
    }
    checkPages(linear, size, Mmu.WRITE, privilege);
    if (watching) {
      watch(linear, size, true);
    }
    entry = Tlb.entry(tlb.table(privilege), linear);
    return RawMemory.getLong(entry + Tlb.WRITE) == ((linear + (size - 1)) & -4096)
        ? linear + RawMemory.getLong(entry + Tlb.ADDEND)
        : 0;
  }

  /** Host address for loads up to the end of the page, rights checked; 0 if it is not plain RAM. */
  public long readableHost(long linear) {
    return host(linear, Tlb.READ, Mmu.READ);
  }

  /** Host address for stores up to the end of the page, rights checked; 0 if not plain RAM. */
  public long writableHost(long linear) {
    return host(linear, Tlb.WRITE, Mmu.WRITE);
  }

  private long host(long linear, int tag, int access) {
    long entry = Tlb.entry(table, linear);
    if (RawMemory.getLong(entry + tag) != (linear & -4096)) {
      mmu.translate(linear, access, privilege);
      if (RawMemory.getLong(entry + tag) != (linear & -4096)) {
        return 0;
      }
    }
    return linear + RawMemory.getLong(entry + Tlb.ADDEND);
  }

  /**
   * Host address of the code at a linear address, with the right to execute checked; 0 if it is not
   * in memory (a device answers).
   */
  public long fetchHost(long linear) {
    long entry = Tlb.entry(fetchTable, linear);
    if (RawMemory.getLong(entry + Tlb.EXECUTE) == (linear & -4096)) {
      return linear + RawMemory.getLong(entry + Tlb.CODE_ADDEND);
    }
    int how = cpl() == 3 ? Mmu.USER : privilege;
    mmu.translate(linear, Mmu.FETCH, how);
    entry = Tlb.entry(tlb.table(how), linear);
    return RawMemory.getLong(entry + Tlb.EXECUTE) == (linear & -4096)
        ? linear + RawMemory.getLong(entry + Tlb.CODE_ADDEND)
        : 0;
  }

  /** Guest physical address of code at a linear address, with the right to execute checked. */
  public long fetchPhysical(long linear) {
    return mmu.translate(linear, Mmu.FETCH, privilege);
  }

  /** Host address of the TLB table of the current privilege. */
  public long tlbTable() {
    return table;
  }

  /** Offset of the TLB table of the current privilege in the state. */
  public int tlbOffset() {
    return tlbOffset & 0x3f_ffff;
  }

  /** Host address of the TLB table that instruction fetch uses. */
  public long fetchTable() {
    return fetchTable;
  }

  // Translations.

  /** Drops translations: all, or all that are not global. */
  public void flushTlb(boolean globalToo) {
    if (globalToo) {
      tlb.flushAll();
    } else {
      tlb.flushNonGlobal();
    }
  }

  /** Drops the translations of one linear address. */
  public void invalidatePage(long linear) {
    tlb.invalidate(linear);
  }

  /** Drops the translations of one process-context identifier, global ones aside. */
  public void flushPcid(int pcid) {
    // Entries carry no identifier: those of others are never kept.
    tlb.flushNonGlobal();
  }

  /** Forgets that a host page may be written without notice. */
  public void protectHostPage(long hostPage) {
    tlb.protect(hostPage);
  }

  // Data breakpoints (Intel SDM vol. 3B 17.2).

  /** Whether a breakpoint on data is enabled. */
  public boolean watching() {
    return watching;
  }

  private boolean watchesData() {
    int dr7 = intField(CpuState.DR7);
    for (int n = 0; n < 4; n++) {
      if (((dr7 >>> (n * 2)) & 3) != 0 && ((dr7 >>> (16 + n * 4)) & 1) != 0) {
        return true;
      }
    }
    return false;
  }

  private void watch(long linear, int size, boolean write) {
    int dr7 = intField(CpuState.DR7);
    for (int n = 0; n < 4; n++) {
      int kind = (dr7 >>> (16 + n * 4)) & 3;
      if (((dr7 >>> (n * 2)) & 3) == 0 || (kind & 1) == 0 || (!write && kind == 1)) {
        continue;
      }
      int code = (dr7 >>> (18 + n * 4)) & 3;
      long length = code == 2 ? 8 : code + 1;
      long at = field(CpuState.DR + n * 8) & -length;
      if (linear < at + length && at < linear + size) {
        postDebug(1 << n);
      }
    }
  }

  /** Asks for a #DB trap at the next instruction boundary: DR6 bits 3:0, or the task switch's. */
  public void postDebug(int bits) {
    intField(CpuState.DEBUG_TRAPS, intField(CpuState.DEBUG_TRAPS) | bits);
    attention(Attention.BOUNDARY);
  }

  /** Debug conditions that were met since the last call, as DR6 bits: 3:0 and BT. */
  public int takeBreakpointHits() {
    int hits = intField(CpuState.DEBUG_TRAPS);
    if (hits != 0) {
      intField(CpuState.DEBUG_TRAPS, 0);
    }
    return hits;
  }
}
