package isola.machine.devices.virtio;

import isola.core.memory.GuestMemory;
import java.lang.foreign.MemorySegment;

/**
 * One request as the driver laid it out: first the buffers that the device reads, then those that
 * it writes (VirtIO 1.3, 2.7.4.2). Reused for one request after another by the queue's owner.
 */
final class DescriptorChain {
  /**
   * A request of more pieces than this is malformed: the queue size bounds a chain, and so it does
   * an indirect table (2.7.5.3.1).
   */
  private final long[] addresses;

  private final int[] lengths;
  private final GuestMemory memory;
  private int head;
  private int readable;
  private int count;
  private long readableBytes;
  private long writableBytes;

  DescriptorChain(GuestMemory memory, int limit) {
    this.memory = memory;
    this.addresses = new long[limit];
    this.lengths = new int[limit];
  }

  void begin(int newHead) {
    head = newHead;
    readable = 0;
    count = 0;
    readableBytes = 0;
    writableBytes = 0;
  }

  /**
   * Adds a piece; false if the chain is malformed by it: too long, or a readable piece behind a
   * writable one.
   */
  boolean add(long address, int length, boolean writable) {
    if (count == addresses.length || (!writable && count != readable)) {
      return false;
    }
    addresses[count] = address;
    lengths[count] = length;
    count++;
    if (writable) {
      writableBytes += length & 0xffff_ffffL;
    } else {
      readable = count;
      readableBytes += length & 0xffff_ffffL;
    }
    return true;
  }

  /** The index of its first descriptor, which names it in the used ring. */
  int head() {
    return head;
  }

  /** Bytes for the device to read. */
  long readableBytes() {
    return readableBytes;
  }

  /** Bytes for the device to write. */
  long writableBytes() {
    return writableBytes;
  }

  /**
   * Copies {@code length} readable bytes from {@code offset}; false if they are not there or not in
   * guest memory.
   */
  boolean read(long offset, byte[] target, int at, int length) {
    return transfer(
        0,
        readable,
        offset,
        length,
        (address, done, n) -> memory.read(address, target, at + (int) done, n));
  }

  /**
   * Fills {@code length} writable bytes from {@code offset}; false if they are not there or not in
   * guest memory.
   */
  boolean write(long offset, byte[] source, int at, int length) {
    return transfer(
        readable,
        count,
        offset,
        length,
        (address, done, n) -> memory.write(address, source, at + (int) done, n));
  }

  /**
   * Shows {@code length} readable bytes from {@code offset} piece by piece; false as soon as one is
   * refused or missing.
   */
  boolean forEachReadable(long offset, long length, Piece piece) {
    return transfer(
        0,
        readable,
        offset,
        length,
        (address, done, n) -> {
          MemorySegment segment = memory.readable(address, n);
          return segment != null && piece.accept(segment, done);
        });
  }

  /**
   * Shows {@code length} writable bytes from {@code offset} piece by piece; false as soon as one is
   * refused or missing.
   */
  boolean forEachWritable(long offset, long length, Piece piece) {
    return transfer(
        readable,
        count,
        offset,
        length,
        (address, done, n) -> {
          MemorySegment segment = memory.writable(address, n);
          return segment != null && piece.accept(segment, done);
        });
  }

  private boolean transfer(int from, int to, long offset, long length, Step step) {
    long skip = offset;
    long done = 0;
    for (int i = from; i < to && done < length; i++) {
      long size = lengths[i] & 0xffff_ffffL;
      if (skip >= size) {
        skip -= size;
        continue;
      }
      long n = Math.min(size - skip, length - done);
      if (n > Integer.MAX_VALUE || !step.accept(addresses[i] + skip, done, (int) n)) {
        return false;
      }
      done += n;
      skip = 0;
    }
    return done == length;
  }

  /** A piece of a request in guest memory. */
  @FunctionalInterface
  interface Piece {
    /** Takes a piece that starts {@code done} bytes into the transfer; false ends it. */
    boolean accept(MemorySegment segment, long done);
  }

  @FunctionalInterface
  private interface Step {
    boolean accept(long address, long done, int length);
  }
}
