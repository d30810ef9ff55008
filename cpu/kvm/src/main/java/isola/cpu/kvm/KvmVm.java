package isola.cpu.kvm;

import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmCapability;
import isola.cpu.kvm.abi.KvmClockData;
import isola.cpu.kvm.abi.KvmDirtyLog;
import isola.cpu.kvm.abi.KvmEnableCap;
import isola.cpu.kvm.abi.KvmIoeventfd;
import isola.cpu.kvm.abi.KvmIrqRouting;
import isola.cpu.kvm.abi.KvmIrqRoutingEntry;
import isola.cpu.kvm.abi.KvmMsi;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmUserspaceMemoryRegion;
import isola.host.DeviceFile;

/** A machine of KVM's: memory slots, interrupt messages, and processors. Any thread. */
final class KvmVm implements AutoCloseable {
  private final DeviceFile file;
  private final int vcpuMapBytes;
  // Structures on their way to the kernel; guarded by this.
  private final Buffer buffer = new Buffer(4096);

  KvmVm(DeviceFile file, int vcpuMapBytes) {
    this.file = file;
    this.vcpuMapBytes = vcpuMapBytes;
  }

  /** What KVM says to a capability for this machine. */
  int check(KvmCapability capability) {
    return Math.max(file.ioctl(KvmSpec.KVM_CHECK_EXTENSION, capability.number()), 0);
  }

  /** Switches a capability on; whether KVM did. */
  synchronized boolean enable(KvmCapability capability, long argument) {
    long at = buffer.cleared(KvmEnableCap.SIZE);
    RawMemory.putInt(at + KvmEnableCap.CAP, capability.number());
    RawMemory.putLong(at + KvmEnableCap.ARGS, argument);
    return file.ioctl(KvmSpec.KVM_ENABLE_CAP, at) >= 0;
  }

  /** Gives KVM three pages and one that it needs on some Intel processors; no slot may be there. */
  synchronized void place(long tssPages, long identityMapPage) {
    KvmException.require("KVM_SET_TSS_ADDR", file.ioctl(KvmSpec.KVM_SET_TSS_ADDR, tssPages));
    RawMemory.putLong(buffer.address(), identityMapPage);
    KvmException.require(
        "KVM_SET_IDENTITY_MAP_ADDR",
        file.ioctl(KvmSpec.KVM_SET_IDENTITY_MAP_ADDR, buffer.address()));
  }

  /** The frequency in Hz of a new processor's time-stamp counter; 0 if KVM does not tell. */
  long tscHz() {
    return Math.max(file.ioctl(KvmSpec.KVM_GET_TSC_KHZ, 0), 0) * 1000L;
  }

  /** Creates a processor. */
  KvmVcpu createVcpu(int index) {
    int descriptor =
        KvmException.require("processor " + index, file.ioctl(KvmSpec.KVM_CREATE_VCPU, index));
    return new KvmVcpu(DeviceFile.of(descriptor), vcpuMapBytes);
  }

  /**
   * Makes host memory the guest's.
   *
   * @param number of the slot; the memory stays reserved while the slot is there
   * @param dirtyLog whether KVM notes which pages the guest writes
   */
  synchronized void setMemory(int number, MemorySlot slot, boolean dirtyLog) {
    int most = check(KvmCapability.KVM_CAP_NR_MEMSLOTS);
    if (most != 0 && number >= most) {
      throw new KvmException(
          "This host's KVM takes %d memory slots, and the machine has more.".formatted(most));
    }
    long at = buffer.cleared(KvmUserspaceMemoryRegion.SIZE);
    int flags =
        (slot.readOnly() ? KvmSpec.KVM_MEM_READONLY : 0)
            | (dirtyLog ? KvmSpec.KVM_MEM_LOG_DIRTY_PAGES : 0);
    RawMemory.putInt(at + KvmUserspaceMemoryRegion.SLOT, number);
    RawMemory.putInt(at + KvmUserspaceMemoryRegion.FLAGS, flags);
    RawMemory.putLong(at + KvmUserspaceMemoryRegion.GUEST_PHYS_ADDR, slot.guestBase());
    RawMemory.putLong(at + KvmUserspaceMemoryRegion.MEMORY_SIZE, slot.size());
    RawMemory.putLong(at + KvmUserspaceMemoryRegion.USERSPACE_ADDR, slot.hostAddress());
    KvmException.require(
        "memory at 0x%x+0x%x".formatted(slot.guestBase(), slot.size()),
        file.ioctl(KvmSpec.KVM_SET_USER_MEMORY_REGION, at));
  }

  /**
   * Reads, and begins anew, which pages of a slot with a dirty log the guest has written.
   *
   * @param bitmap host address of a bit for each page, rounded up to 8 bytes
   */
  synchronized void dirtyLog(int number, long bitmap) {
    long at = buffer.cleared(KvmDirtyLog.SIZE);
    RawMemory.putInt(at + KvmDirtyLog.SLOT, number);
    RawMemory.putLong(at + KvmDirtyLog.DIRTY_BITMAP, bitmap);
    KvmException.require(
        "the dirty log of slot " + number, file.ioctl(KvmSpec.KVM_GET_DIRTY_LOG, at));
  }

  /** The nanoseconds of the paravirtual clock, or a negated error number. */
  synchronized long clock() {
    long at = buffer.cleared(KvmClockData.SIZE);
    int result = file.ioctl(KvmSpec.KVM_GET_CLOCK, at);
    return result < 0 ? result : RawMemory.getLong(at + KvmClockData.CLOCK);
  }

  /** Sets the paravirtual clock. */
  synchronized void clock(long nanos) {
    long at = buffer.cleared(KvmClockData.SIZE);
    RawMemory.putLong(at + KvmClockData.CLOCK, nanos);
    KvmException.require("the guest's clock", file.ioctl(KvmSpec.KVM_SET_CLOCK, at));
  }

  /** Sends a message-signalled interrupt; one that no processor takes is dropped. */
  synchronized void signal(long address, int data) {
    if (file.number() < 0) {
      return;
    }
    long at = buffer.cleared(KvmMsi.SIZE);
    RawMemory.putInt(at + KvmMsi.ADDRESS_LO, (int) address);
    RawMemory.putInt(at + KvmMsi.ADDRESS_HI, (int) (address >>> 32));
    RawMemory.putInt(at + KvmMsi.DATA, data);
    // It fails where no processor is meant, as a message on a bus gets lost.
    int _ = file.ioctl(KvmSpec.KVM_SIGNAL_MSI, at);
  }

  /** Replaces the routes: interrupt number i sends data[i] to address[i]; 0 for no route. */
  synchronized void route(long[] address, int[] data) {
    long at = buffer.cleared(KvmIrqRouting.SIZE + (long) address.length * KvmIrqRoutingEntry.SIZE);
    int count = 0;
    for (int i = 0; i < address.length; i++) {
      if (address[i] != 0) {
        long entry = at + KvmIrqRouting.ENTRIES + (long) count++ * KvmIrqRoutingEntry.SIZE;
        RawMemory.putInt(entry + KvmIrqRoutingEntry.GSI, i);
        RawMemory.putInt(entry + KvmIrqRoutingEntry.TYPE, KvmSpec.KVM_IRQ_ROUTING_MSI);
        RawMemory.putInt(entry + KvmIrqRoutingEntry.U.Msi.ADDRESS_LO, (int) address[i]);
        RawMemory.putInt(entry + KvmIrqRoutingEntry.U.Msi.ADDRESS_HI, (int) (address[i] >>> 32));
        RawMemory.putInt(entry + KvmIrqRoutingEntry.U.Msi.DATA, data[i]);
      }
    }
    RawMemory.putInt(at + KvmIrqRouting.NR, count);
    KvmException.require("interrupt routes", file.ioctl(KvmSpec.KVM_SET_GSI_ROUTING, at));
  }

  /**
   * Makes a guest's writes of device memory only count up an event descriptor; whether KVM does.
   *
   * @param length size of the access in bytes, 0 for any
   */
  synchronized boolean doorbell(long address, int length, int event, boolean there) {
    long at = buffer.cleared(KvmIoeventfd.SIZE);
    RawMemory.putLong(at + KvmIoeventfd.ADDR, address);
    RawMemory.putInt(at + KvmIoeventfd.LEN, length);
    RawMemory.putInt(at + KvmIoeventfd.FD, event);
    RawMemory.putInt(at + KvmIoeventfd.FLAGS, there ? 0 : KvmSpec.KVM_IOEVENTFD_FLAG_DEASSIGN);
    return file.ioctl(KvmSpec.KVM_IOEVENTFD, at) >= 0;
  }

  @Override
  public synchronized void close() {
    file.close();
    buffer.close();
  }
}
