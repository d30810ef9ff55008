package isola.cpu.kvm;

import isola.core.memory.HostMemory;
import isola.core.memory.RawMemory;

/** Host memory in which a structure is handed to the kernel. One thread at a time. */
final class Buffer implements AutoCloseable {
  private static final int PAGE = 4096;

  private final long bytes;
  private long address;

  /** Zeroed memory of at least this size. */
  Buffer(long bytes) {
    this.bytes = (bytes + PAGE - 1) & -PAGE;
    address = HostMemory.installed().reserve(this.bytes, "KVM structures");
  }

  long address() {
    return address;
  }

  /** Zeroes the first bytes and gives their address. */
  long cleared(long length) {
    if (address == 0) {
      throw new KvmException("The machine is closed.");
    }
    RawMemory.fill(address, length, (byte) 0);
    return address;
  }

  @Override
  public void close() {
    long last = address;
    address = 0;
    if (last != 0) {
      HostMemory.installed().release(last, bytes);
    }
  }
}
