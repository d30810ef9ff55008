package isola.machine.board.boot;

import isola.core.memory.GuestMemory;
import isola.machine.board.boot.BootException.Problem;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What a kernel is started on and with.
 *
 * @param memory the guest's memory, all RAM zero
 * @param map what is where in it
 * @param kernel the kernel image
 * @param initrds initial ramdisks
 * @param commandLine what the kernel is told
 * @param rsdp guest physical address of the ACPI root pointer
 */
public record BootTarget(
    GuestMemory memory,
    MemoryMap map,
    BootFile kernel,
    List<BootFile> initrds,
    String commandLine,
    long rsdp) {

  private static final long PAGE = 4096;

  /** Copies part of the kernel's file to a guest physical address. */
  void load(long fileOffset, long address, long length) {
    if (length == 0) {
      return;
    }
    MemorySegment target = memory.writable(address, length);
    if (target == null || !fits(address, length)) {
      throw tooLittleMemory(address + length);
    }
    kernel.read(fileOffset, target);
  }

  /** Whether a range is RAM that a kernel may occupy: not where the loader's data is. */
  boolean fits(long address, long length) {
    boolean low = address >= 0x1000 && address + length <= LoaderArea.PARAMETERS;
    boolean main = address >= BoardSpec.EXTENDED_BASE && address + length <= map.lowEnd();
    boolean high =
        address >= BoardSpec.HIGH_RAM_BASE
            && address + length <= BoardSpec.HIGH_RAM_BASE + map.highSize();
    return length >= 0 && (low || main || high);
  }

  /** To be thrown: the kernel needs memory up to {@code end}. */
  BootException tooLittleMemory(long end) {
    if (Long.compareUnsigned(end, BoardSpec.LOW_RAM_END) > 0) {
      return new BootException(
          Problem.MALFORMED,
          "%s wants to be loaded at 0x%x, where no machine has memory for it."
              .formatted(kernel.name(), end));
    }
    return new BootException(
        Problem.TOO_LITTLE_MEMORY,
        "%s needs %d MiB of memory to start and the machine has %d MiB; give it more."
            .formatted(kernel.name(), mebibytes(end), mebibytes(map.size())));
  }

  private static long mebibytes(long bytes) {
    return (bytes + (1 << 20) - 1) >> 20;
  }

  /** Where all ramdisks lie, one after the other, each padded to 4 bytes as cpio archives are. */
  record Ramdisk(long address, long size) {}

  /** Total size of the ramdisks as one. */
  long ramdiskSize() {
    long total = 0;
    for (BootFile initrd : initrds) {
      total = (total + 3 & -4) + initrd.size();
    }
    return total;
  }

  /**
   * Loads the ramdisks as one, as high as possible.
   *
   * @param lowest first address they may occupy
   * @param end past the last
   */
  Ramdisk loadRamdisks(long lowest, long end) {
    long size = ramdiskSize();
    if (size == 0) {
      return new Ramdisk(0, 0);
    }
    long address = Math.min(end, map.lowEnd()) - size & -PAGE;
    if (address < lowest) {
      throw ramdiskDoesNotFit(size, lowest);
    }
    long at = 0;
    for (BootFile initrd : initrds) {
      at = at + 3 & -4;
      at += loadRamdisk(initrd, address + at);
    }
    return new Ramdisk(address, size);
  }

  /** Loads one ramdisk at a place; returns its size. */
  long loadRamdisk(BootFile initrd, long address) {
    long size = initrd.size();
    if (size > 0) {
      MemorySegment target = memory.writable(address, size);
      if (target == null || !fits(address, size)) {
        throw ramdiskDoesNotFit(size, address);
      }
      initrd.read(0, target);
    }
    return size;
  }

  private BootException ramdiskDoesNotFit(long size, long lowest) {
    return new BootException(
        Problem.INITRD_DOES_NOT_FIT,
        "The initial ramdisk (%d MiB) does not fit into %d MiB of memory beside the kernel, which"
                .formatted(mebibytes(size), mebibytes(map.size()))
            + " takes the first %d MiB; give the machine more.".formatted(mebibytes(lowest)));
  }

  /**
   * Writes a command line for the kernel.
   *
   * @param longest most bytes the kernel takes, without the terminating zero
   */
  long loadCommandLine(String line, long longest) {
    byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
    long limit = Math.min(longest, LoaderArea.COMMAND_LINE_SIZE - 1);
    if (bytes.length > limit) {
      throw new BootException(
          Problem.COMMAND_LINE_TOO_LONG,
          "The command line has %d bytes and %s takes at most %d."
              .formatted(bytes.length, kernel.name(), limit));
    }
    memory.write(LoaderArea.COMMAND_LINE, bytes, 0, bytes.length);
    memory.put(LoaderArea.COMMAND_LINE + bytes.length, 1, 0);
    return LoaderArea.COMMAND_LINE;
  }
}
