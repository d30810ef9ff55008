package isola.machine.board.saved;

import java.util.List;

/**
 * What a saved machine is, but for its processors and its memory's contents.
 *
 * @param name what the user called it
 * @param saved when it was saved, as ISO 8601 has it
 * @param engine the engine that it ran on
 * @param hardware what it is made of
 * @param nanos its clock, in nanoseconds since power-on
 * @param parts the state of its devices, in the order in which it is restored
 * @param memory where its memory's contents are; all else is zero
 */
public record Description(
    String name,
    String saved,
    String engine,
    Hardware hardware,
    long nanos,
    List<Part> parts,
    List<Extent> memory) {

  /**
   * What a machine is made of.
   *
   * @param cpus number of processors
   * @param memory guest RAM in bytes
   * @param cpuModel name of the CPUID model
   * @param tscHz frequency of the time-stamp counters
   * @param features what CPUID told the guest, as words of feature bits
   * @param serials number of UARTs
   * @param entropy whether there is a virtio entropy device
   * @param testDevices whether the ports of test programs are there
   * @param kernel what was booted, for people
   * @param disks the virtio disks in slot order
   */
  public record Hardware(
      int cpus,
      long memory,
      String cpuModel,
      long tscHz,
      List<Integer> features,
      int serials,
      boolean entropy,
      boolean testDevices,
      String kernel,
      List<DiskImage> disks) {}

  /**
   * A disk's image and how it was when the machine was saved.
   *
   * @param file its absolute path
   * @param readOnly whether the guest may only read
   * @param size its size in bytes
   * @param modified when it was last written, as ISO 8601 has it
   */
  public record DiskImage(String file, boolean readOnly, long size, String modified) {}

  /**
   * The state of a device.
   *
   * @param name the device
   * @param version the version of its state's form
   * @param state the state as {@link RecordCodec} makes it
   */
  public record Part(String name, int version, Object state) {}

  /**
   * A piece of guest memory.
   *
   * @param guest guest physical address, page-aligned
   * @param offset where it is in the file's memory part, page-aligned
   * @param bytes its length, a positive multiple of 4096
   */
  public record Extent(long guest, long offset, long bytes) {}
}
