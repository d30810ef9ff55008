package isola.cpu.kvm;

import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmDeviceAttr;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSpec;
import isola.host.DeviceFile;

/** A processor of KVM's. One thread at a time; {@link #close} when nobody uses it. */
final class KvmVcpu implements AutoCloseable, TscFrequency.Counter {
  private final DeviceFile file;
  private final int mapBytes;
  private final long shared;
  private final Buffer buffer = new Buffer(4096);

  /** Takes over a descriptor and maps what processor and owner share. */
  KvmVcpu(DeviceFile file, int mapBytes) {
    this.file = file;
    this.mapBytes = mapBytes;
    long at = file.map(mapBytes);
    if (at < 0 && at > -4096) {
      file.close();
      throw new KvmException("the map of a processor", (int) at);
    }
    shared = at;
  }

  /** Host address of the {@link KvmRun}. */
  long shared() {
    return shared;
  }

  /** Runs the guest until it leaves: 0, or the negated error number. */
  int run() {
    return file.ioctl(KvmSpec.KVM_RUN, 0);
  }

  /** Number of its descriptor, for {@link GuestEntry#enter}. */
  int number() {
    return file.number();
  }

  /**
   * Finishes the access that the guest last left for, without running it further. It may need more
   * than one access; whether it is done.
   */
  boolean finish() {
    comeBack(true);
    int result = run();
    comeBack(false);
    return result < 0;
  }

  /** Reads or writes a structure at a host address. */
  int call(int request, long address) {
    return file.ioctl(request, address);
  }

  /** As {@link #call}, where a failure ends the machine. */
  void require(String what, int request, long address) {
    KvmException.require(what, file.ioctl(request, address));
  }

  /** Whether entering the guest is to return as soon as its last access is finished. Any thread. */
  void comeBack(boolean atOnce) {
    RawMemory.putByte(shared + KvmRun.IMMEDIATE_EXIT, (byte) (atOnce ? 1 : 0));
  }

  @Override
  public int tscKhz() {
    return call(KvmSpec.KVM_GET_TSC_KHZ, 0);
  }

  @Override
  public int tscKhz(int khz) {
    return call(KvmSpec.KVM_SET_TSC_KHZ, khz);
  }

  /**
   * Adds to the guest's time-stamp counter; whether KVM did. There are hosts that only say so, and
   * go on with their own.
   */
  boolean addToTsc(long ticks) {
    try (Buffer value = new Buffer(8)) {
      long at = value.address();
      if (!attribute(KvmSpec.KVM_GET_DEVICE_ATTR, at)) {
        return false;
      }
      long wanted = RawMemory.getLong(at) + ticks;
      RawMemory.putLong(at, wanted);
      return attribute(KvmSpec.KVM_SET_DEVICE_ATTR, at)
          && attribute(KvmSpec.KVM_GET_DEVICE_ATTR, at)
          && RawMemory.getLong(at) == wanted;
    }
  }

  private boolean attribute(int request, long value) {
    long at = buffer.cleared(KvmDeviceAttr.SIZE);
    RawMemory.putInt(at + KvmDeviceAttr.GROUP, KvmSpec.KVM_VCPU_TSC_CTRL);
    RawMemory.putLong(at + KvmDeviceAttr.ATTR, KvmSpec.KVM_VCPU_TSC_OFFSET);
    RawMemory.putLong(at + KvmDeviceAttr.ADDR, value);
    return call(request, at) >= 0;
  }

  /** Closes the descriptor alone: calls fail from then on. Any thread. */
  void closeFile() {
    file.close();
  }

  @Override
  public void close() {
    file.close();
    DeviceFile.unmap(shared, mapBytes);
    buffer.close();
  }
}
