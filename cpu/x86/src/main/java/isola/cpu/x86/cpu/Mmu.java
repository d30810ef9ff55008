package isola.cpu.x86.cpu;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.spec.PageTable;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;
import java.lang.invoke.VarHandle;

/**
 * Paging (Intel SDM vol. 3A chapter 4): walks the guest's tables, checks rights, sets accessed and
 * dirty bits, raises page faults and fills the {@link Tlb}. Owner thread only.
 */
public final class Mmu {
  /** Kinds of access. */
  public static final int READ = 0;

  public static final int WRITE = 1;
  public static final int FETCH = 2;

  /** Privileges of an access; the first three are also the numbers of the TLB's tables. */
  public static final int SUPERVISOR = Tlb.SUPERVISOR;

  public static final int SUPERVISOR_AC = Tlb.SUPERVISOR_AC;
  public static final int USER = Tlb.USER;

  private static final long FRAME = 0x000f_ffff_ffff_f000L;

  private final LinearMemory cpu;
  private final GuestMemory memory;
  private final long state;
  private final Tlb tlb;
  private final int physicalBits;
  private final long reservedPhysical;

  // What the paging mode is, from CR0, CR4 and EFER.
  private boolean paging;
  private boolean pae;
  private int levels;
  private boolean writeProtect;
  private boolean noExecute;
  private boolean smep;
  private boolean smap;
  private boolean keys;
  private boolean globals;
  private boolean pse;

  // Result of the last walk.
  private long leaf;
  private boolean leafWritable;
  private boolean leafUser;
  private boolean leafExecutable;
  private boolean leafDirty;
  private boolean leafGlobal;

  /** Binary logarithm of its page's size. */
  private int leafShift;

  /** Pages walked so far: what statistics call TLB misses. */
  private long walks;

  Mmu(LinearMemory cpu, Tlb tlb, int physicalBits) {
    this.cpu = cpu;
    this.memory = cpu.memory;
    this.state = cpu.state;
    this.tlb = tlb;
    this.physicalBits = physicalBits;
    this.reservedPhysical = FRAME & -(1L << physicalBits);
  }

  /** MAXPHYADDR. */
  public int physicalBits() {
    return physicalBits;
  }

  /** TLB misses since the start. */
  public long walks() {
    return walks;
  }

  void modeChanged() {
    int cr0 = RawMemory.getInt(state + CpuState.CR0);
    int cr4 = RawMemory.getInt(state + CpuState.CR4);
    int efer = RawMemory.getInt(state + CpuState.EFER);
    paging = (cr0 & Cr0.PG) != 0;
    pae = (cr4 & Cr4.PAE) != 0;
    if (!paging) {
      levels = 0;
    } else if ((efer & Efer.LMA) != 0) {
      levels = (cr4 & Cr4.LA57) != 0 ? 5 : 4;
    } else {
      levels = pae ? 3 : 2;
    }
    writeProtect = (cr0 & Cr0.WP) != 0;
    long disabled = RawMemory.getLong(state + CpuState.MISC_ENABLE);
    noExecute = pae && (efer & Efer.NXE) != 0 && (disabled & MsrSpec.MISC_ENABLE_XD_DISABLE) == 0;
    smep = (cr4 & Cr4.SMEP) != 0;
    smap = (cr4 & Cr4.SMAP) != 0;
    keys = (cr4 & Cr4.PKE) != 0 && (efer & Efer.LMA) != 0;
    globals = (cr4 & Cr4.PGE) != 0;
    pse = (cr4 & Cr4.PSE) != 0;
  }

  /**
   * Loads the page-directory-pointer-table registers as a write of CR3 does under PAE paging; false
   * (and the old ones stay) if one has a reserved bit set, which the guest sees as #GP(0).
   */
  public boolean loadPdptes(long cr3) {
    long[] fresh = new long[4];
    for (int i = 0; i < 4; i++) {
      fresh[i] = memory.get((cr3 & 0xffff_ffe0L) + i * 8L, 8);
      long reserved = reservedPhysical | 0xfff0_0000_0000_01e6L;
      if ((fresh[i] & PageTable.P) != 0 && (fresh[i] & reserved) != 0) {
        return false;
      }
    }
    for (int i = 0; i < 4; i++) {
      RawMemory.putLong(state + CpuState.PDPTE + 8L * i, fresh[i]);
    }
    RawMemory.putLong(state + CpuState.PDPTE_CR3, cr3 & 0xffff_ffffL | CpuState.PDPTE_VALID);
    return true;
  }

  /** Fills those registers for a state that came from outside, unless it has its own. */
  void adoptPdptes() {
    long cr3 = RawMemory.getLong(state + CpuState.CR3);
    boolean own =
        levels == 3
            && RawMemory.getLong(state + CpuState.PDPTE_CR3)
                == (cr3 & 0xffff_ffffL | CpuState.PDPTE_VALID);
    if (!own) {
      // Where they are not good, nothing is: the next load finds out.
      boolean _ = loadPdptes(cr3);
    }
  }

  /**
   * The guest physical address of a linear one, with the access's rights checked and accessed and
   * dirty bits set; throws the page fault otherwise. Fills the TLB.
   */
  long translate(long linear, int access, int privilege) {
    long physical;
    if (paging) {
      walks++;
      int error = walk(linear, access, privilege);
      if (error >= 0) {
        throw pageFault(linear, error);
      }
      physical = leaf;
    } else {
      physical = linear & 0xffff_ffffL;
      leafWritable = true;
      leafUser = false;
      leafExecutable = true;
      leafDirty = true;
      leafGlobal = false;
      leafShift = 12;
    }
    fill(linear, physical, access, privilege);
    return physical;
  }

  /**
   * Translates for a load or store at the current privilege and fills the TLB; the page fault's
   * error code, with nothing else changed, if the access is refused, else -1.
   */
  public int tryFill(long linear, boolean write) {
    int access = write ? WRITE : READ;
    int how = cpu.privilege();
    if (!paging) {
      translate(linear, access, how);
      return -1;
    }
    walks++;
    int error = walk(linear, access, how);
    if (error >= 0) {
      return error;
    }
    fill(linear, leaf, access, how);
    return -1;
  }

  /** Translates without side effects, with supervisor rights; -1 if not mapped. For debuggers. */
  public long probe(long linear) {
    if (!paging) {
      return linear & 0xffff_ffffL;
    }
    if (find(linear, false) >= 0) {
      return -1;
    }
    return leaf;
  }

  private Fault pageFault(long linear, int error) {
    RawMemory.putLong(state + CpuState.CR2, linear);
    return cpu.fault(Vector.PF, error);
  }

  private void fill(long linear, long physical, int access, int privilege) {
    MemorySlot slot = memory.slotAt(physical);
    if (slot == null) {
      return;
    }
    long addend = slot.host(physical & -4096) - (linear & -4096);
    if (access == FETCH) {
      tlb.fillCode(privilege, linear, addend, leafGlobal, leafShift);
      return;
    }
    boolean read = !paging || allowed(READ, privilege) < 0;
    boolean write =
        leafDirty
            && !slot.readOnly()
            && (!paging || allowed(WRITE, privilege) < 0)
            && RawMemory.getByte(slot.flags(physical)) == 0;
    tlb.fill(privilege, linear, read, write, addend, leafGlobal, leafShift);
  }

  /** Error code of an access that the last walk's rights refuse, or -1. */
  private int allowed(int access, int privilege) {
    boolean user = privilege == USER;
    boolean refused;
    int key = 0;
    if (access == FETCH) {
      refused = !leafExecutable || (user ? !leafUser : smep && leafUser);
    } else {
      if (user) {
        refused = !leafUser || (access == WRITE && !leafWritable);
      } else {
        refused =
            (access == WRITE && !leafWritable && writeProtect)
                || (smap && leafUser && privilege == SUPERVISOR);
      }
      if (keys && leafUser) {
        int rights = RawMemory.getInt(state + CpuState.PKRU) >>> (int) ((leafKey & 15) * 2);
        if ((rights & 1) != 0 || ((rights & 2) != 0 && access == WRITE && (user || writeProtect))) {
          key = PageTable.ERROR_PK;
        }
      }
    }
    if (!refused && key == 0) {
      return -1;
    }
    return PageTable.ERROR_P | key | kind(access, user);
  }

  private int kind(int access, boolean user) {
    return (access == WRITE ? PageTable.ERROR_W : 0)
        | (user ? PageTable.ERROR_U : 0)
        | (access == FETCH && (noExecute || smep) ? PageTable.ERROR_I : 0);
  }

  private long leafKey;

  // The entries that the walk went through, so that their accessed bits can be set afterwards.
  private final long[] entryAddress = new long[5];
  private final long[] entryValue = new long[5];
  private int entries;

  private int walk(long linear, int access, int privilege) {
    while (true) {
      int error = find(linear, true);
      if (error >= 0) {
        return error | kind(access, privilege == USER);
      }
      error = allowed(access, privilege);
      if (error >= 0) {
        return error;
      }
      if (mark(access == WRITE)) {
        return -1;
      }
    }
  }

  /** Sets accessed and dirty bits; false if another processor changed an entry meanwhile. */
  private boolean mark(boolean write) {
    for (int i = 0; i < entries; i++) {
      long wanted = PageTable.A;
      if (write && i == entries - 1) {
        wanted |= PageTable.D;
      }
      long old = entryValue[i];
      if ((old & wanted) != wanted) {
        if (!replace(entryAddress[i], old, old | wanted)) {
          return false;
        }
        if (write && i == entries - 1) {
          leafDirty = true;
        }
      }
    }
    return true;
  }

  private boolean replace(long address, long old, long value) {
    MemorySlot slot = memory.slotAt(address);
    if (slot == null || slot.readOnly()) {
      return true;
    }
    int size = levels == 2 ? 4 : 8;
    memory.prepareWrite(slot, address, size);
    long host = slot.host(address);
    return size == 4
        ? RawMemory.casInt(host, (int) old, (int) value)
        : RawMemory.casLong(host, old, value);
  }

  private long read(long address, int size, boolean remember) {
    long value = memory.get(address, size);
    if (remember) {
      entryAddress[entries] = address;
      entryValue[entries] = value;
      entries++;
    }
    return value;
  }

  /**
   * Follows the tables to the leaf. Returns -1, or the error code's P and RSVD bits where there is
   * no translation.
   */
  private int find(long linear, boolean remember) {
    entries = 0;
    leafKey = 0;
    if (levels == 2) {
      return findTwoLevel((int) linear);
    }
    long table = RawMemory.getLong(state + CpuState.CR3) & FRAME;
    boolean writable = true;
    boolean user = true;
    boolean executable = true;
    int level = levels;
    if (level == 3) {
      long entry = RawMemory.getLong(state + CpuState.PDPTE + 8 * (linear >>> 30 & 3));
      if ((entry & PageTable.P) == 0) {
        return 0;
      }
      table = entry & FRAME;
      level = 2;
    }
    long reserved = reservedPhysical | (noExecute ? 0 : PageTable.NX);
    if (levels == 3) {
      reserved |= 0x7ff0_0000_0000_0000L;
    }
    while (true) {
      int shift = 12 + 9 * (level - 1);
      long entry = read(table + (linear >>> shift & 511) * 8, 8, remember);
      if ((entry & PageTable.P) == 0) {
        return 0;
      }
      long bad = reserved;
      boolean last = level == 1;
      if ((entry & PageTable.PS) != 0 && level > 1) {
        if (level > 3) {
          bad |= PageTable.PS;
        } else {
          last = true;
          // Address bits below the page's size, the PAT bit 12 aside.
          bad |= ((1L << shift) - 1) & ~0x1fffL;
        }
      }
      if ((entry & bad) != 0) {
        return PageTable.ERROR_P | PageTable.ERROR_RSVD;
      }
      writable &= (entry & PageTable.RW) != 0;
      user &= (entry & PageTable.US) != 0;
      executable &= entry >= 0 || !noExecute;
      if (last) {
        long offset = (1L << shift) - 1;
        leaf = (entry & FRAME & ~offset) | (linear & offset);
        leafWritable = writable;
        leafUser = user;
        leafExecutable = executable;
        leafDirty = (entry & PageTable.D) != 0;
        leafGlobal = globals && (entry & PageTable.G) != 0;
        leafShift = shift;
        leafKey = entry >>> PageTable.KEY_SHIFT;
        return -1;
      }
      table = entry & FRAME;
      level--;
    }
  }

  private int findTwoLevel(int linear) {
    long directory = RawMemory.getLong(state + CpuState.CR3) & 0xffff_f000L;
    long entry = read(directory + (linear >>> 22) * 4L, 4, true);
    if ((entry & PageTable.P) == 0) {
      return 0;
    }
    leafExecutable = true;
    leafWritable = (entry & PageTable.RW) != 0;
    leafUser = (entry & PageTable.US) != 0;
    leafShift = pse && (entry & PageTable.PS) != 0 ? 22 : 12;
    if (leafShift == 22) {
      // PSE-36 (4.3): physical bits 39:32 stand in bits 20:13; bit 21 is reserved.
      long high = (entry >>> 13 & 0xff) << 32;
      if ((entry & 1 << 21) != 0 || (high & reservedPhysical) != 0) {
        return PageTable.ERROR_P | PageTable.ERROR_RSVD;
      }
      leaf = high | (entry & 0xffc0_0000L) | (linear & 0x3f_ffff);
    } else {
      entry = read((entry & 0xffff_f000L) + (linear >>> 12 & 1023) * 4L, 4, true);
      if ((entry & PageTable.P) == 0) {
        return 0;
      }
      leafWritable &= (entry & PageTable.RW) != 0;
      leafUser &= (entry & PageTable.US) != 0;
      leaf = (entry & 0xffff_f000L) | (linear & 0xfff);
    }
    leafDirty = (entry & PageTable.D) != 0;
    leafGlobal = globals && (entry & PageTable.G) != 0;
    return -1;
  }

  // Access by guest physical address, the slow way that every access may take.

  /** Loads 1, 2, 4 or 8 bytes inside a page from memory or a device, zero-extended. */
  public long readPhysical(long physical, int size) {
    MemorySlot slot = memory.slotAt(physical);
    if (slot == null) {
      return cpu.wiring.mmio().read(physical, size);
    }
    return MemoryOrder.load(slot.host(physical), size);
  }

  void writePhysical(long physical, int size, long value) {
    MemorySlot slot = memory.slotAt(physical);
    if (slot == null) {
      cpu.wiring.mmio().write(physical, size, value);
    } else if (!slot.readOnly()) {
      memory.prepareWrite(slot, physical, size);
      MemoryOrder.store(slot.host(physical), size, value);
      written(slot, physical, size);
    }
  }

  /**
   * Tells observers again of a write that another processor may have decoded code across, in the
   * moment between their first notice and the write.
   */
  private void written(MemorySlot slot, long physical, int size) {
    VarHandle.fullFence();
    if (RawMemory.getByte(slot.flags(physical)) != 0) {
      memory.prepareWrite(slot, physical, size);
    }
  }

  /** Host address of RAM at a physical address that may be written with CAS, or 0. */
  long writableHost(long physical) {
    MemorySlot slot = memory.slotAt(physical);
    return slot == null || slot.readOnly() ? 0 : slot.host(physical);
  }
}
