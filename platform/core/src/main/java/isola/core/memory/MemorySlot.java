package isola.core.memory;

/**
 * A range of guest physical memory and the host memory behind it.
 *
 * @param guestBase first guest physical address, a multiple of 4096
 * @param size bytes, a positive multiple of 4096
 * @param hostAddress where the bytes are on the host
 * @param flagsAddress host address of one flag byte per 4 KiB page, see {@link PageFlags}
 * @param readOnly whether guest writes are ignored, as with ROM
 */
public record MemorySlot(
    long guestBase, long size, long hostAddress, long flagsAddress, boolean readOnly) {
  /** Whether the guest physical address lies in this slot. */
  public boolean contains(long guestAddress) {
    return Long.compareUnsigned(guestAddress - guestBase, size) < 0;
  }

  /** The host address of a guest physical address that lies in this slot. */
  public long host(long guestAddress) {
    return hostAddress + (guestAddress - guestBase);
  }

  /**
   * The host address of the flag byte of the page of a guest physical address that lies in this
   * slot.
   */
  public long flags(long guestAddress) {
    return flagsAddress + ((guestAddress - guestBase) >>> 12);
  }
}
