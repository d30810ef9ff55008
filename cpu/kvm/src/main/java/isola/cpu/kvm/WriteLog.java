package isola.cpu.kvm;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.PageFlags;
import isola.core.memory.RawMemory;
import isola.core.memory.WriteObserver;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Which pages of RAM are written: KVM's dirty log for the guest, and {@link PageFlags#CLEAN} for
 * what comes through {@link GuestMemory}. One thread at a time.
 */
final class WriteLog implements WriteObserver {
  private static final int PAGE = GuestMemory.PAGE_SIZE;

  private final KvmVm vm;
  private final GuestMemory memory;
  private boolean on;

  WriteLog(KvmVm vm, GuestMemory memory) {
    this.vm = vm;
    this.memory = memory;
  }

  void log(boolean wanted) {
    if (on == wanted) {
      return;
    }
    List<MemorySlot> slots = memory.slots();
    for (int i = 0; i < slots.size(); i++) {
      if (!slots.get(i).readOnly()) {
        vm.setMemory(i, slots.get(i), wanted);
        flags(slots.get(i), wanted);
      }
    }
    on = wanted;
    if (wanted) {
      memory.observe(this);
    } else {
      memory.forget(this);
    }
  }

  private static void flags(MemorySlot slot, boolean clean) {
    RawMemory.fill(slot.flagsAddress(), slot.size() / PAGE, (byte) (clean ? PageFlags.CLEAN : 0));
  }

  @Override
  public void beforeWrite(long guestAddress, int length) {
    MemorySlot slot = memory.slotAt(guestAddress);
    if (slot != null) {
      RawMemory.putByte(slot.flags(guestAddress), (byte) 0);
    }
  }

  void written(LongConsumer guestAddress) {
    if (!on) {
      throw new IllegalStateException("nobody logs writes");
    }
    List<MemorySlot> slots = memory.slots();
    for (int i = 0; i < slots.size(); i++) {
      if (!slots.get(i).readOnly()) {
        written(i, slots.get(i), guestAddress);
      }
    }
  }

  private void written(int number, MemorySlot slot, LongConsumer guestAddress) {
    long pages = slot.size() / PAGE;
    try (Buffer bitmap = new Buffer((pages + 63) / 64 * 8)) {
      vm.dirtyLog(number, bitmap.address());
      for (long page = 0; page < pages; page++) {
        long word = RawMemory.getLong(bitmap.address() + page / 64 * 8);
        long flag = slot.flagsAddress() + page;
        if ((word >>> page & 1) != 0 || RawMemory.getByte(flag) == 0) {
          RawMemory.putByte(flag, (byte) PageFlags.CLEAN);
          guestAddress.accept(slot.guestBase() + page * PAGE);
        }
      }
    }
  }
}
