package isola.machine.board;

import isola.core.backend.ByteSink;
import isola.machine.board.boot.BootFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What a machine is made of. Immutable; made with {@link #of} and {@link Builder}.
 *
 * @param kernel a bzImage, an ELF kernel with a PVH note, or a multiboot image
 * @param initrds initial ramdisks; Linux sees them as one, multiboot as modules
 * @param commandLine what the kernel is told; no NUL in it
 * @param cpus number of processors, 1 to {@link #MAX_CPUS}
 * @param memory guest RAM in bytes, a multiple of 4096
 * @param engine name of the CPU engine, or {@link EngineChoice#AUTO}
 * @param cpuModel name of the CPUID model, {@link #BEST_CPU_MODEL} or {@link #COMMON_CPU_MODEL}
 * @param disks virtio disks in slot order
 * @param serials what the UARTs COM1, COM2, ... are joined to; a missing one does not exist
 * @param ports virtio console ports in order; none means no such device
 * @param entropy whether there is a virtio entropy device
 * @param resets what a guest's reset does
 * @param testDevices whether the ports that test programs end themselves with are there (a debug
 *     exit at port 0xf4, the configuration ports 0x510 and 0x511)
 * @param countInstructions whether every instruction is counted, at some cost, or only those that
 *     cost nothing to count
 */
public record MachineConfig(
    BootFile kernel,
    List<BootFile> initrds,
    String commandLine,
    int cpus,
    long memory,
    String engine,
    String cpuModel,
    List<Disk> disks,
    List<Serial> serials,
    List<Port> ports,
    boolean entropy,
    ResetPolicy resets,
    boolean testDevices,
    boolean countInstructions) {

  /** The CPU model that stands for the best one that the engine offers on this host. */
  public static final String BEST_CPU_MODEL = "best";

  /**
   * The CPU model that stands for the best one that all engines of this host have, with those of
   * its features that all of them have: a machine with it can be saved and go on with any of them.
   */
  public static final String COMMON_CPU_MODEL = "common";

  /** Most processors of one machine. */
  public static final int MAX_CPUS = 64;

  /** Smallest RAM a machine can have, in bytes. */
  public static final long MIN_MEMORY = 4L << 20;

  /** Largest RAM a machine can have, in bytes. */
  public static final long MAX_MEMORY = 1L << 39;

  /**
   * A raw disk image.
   *
   * @param file the image; it is locked while the machine lives
   * @param readOnly whether the guest may only read
   */
  public record Disk(Path file, boolean readOnly) {}

  /**
   * What a UART is joined to. Input goes through {@link Machine#serialInput}.
   *
   * @param output where its bytes go
   */
  public record Serial(ByteSink output) {}

  /**
   * One port of the virtio console device.
   *
   * @param name as the guest sees it under {@code /dev/virtio-ports}; empty for none
   * @param console whether it is a terminal ({@code hvcN}) rather than a plain channel
   * @param output where its bytes go
   */
  public record Port(String name, boolean console, ByteSink output) {}

  /** What happens when the guest resets the machine. */
  public enum ResetPolicy {
    /** The run ends with {@link Outcome.Reset}. */
    END,
    /** The machine starts again, unless it does so faster and faster. */
    RESTART
  }

  /**
   * Checks every value.
   *
   * @throws MachineException with one sentence for the user
   */
  public MachineConfig {
    Objects.requireNonNull(kernel);
    initrds = List.copyOf(initrds);
    disks = List.copyOf(disks);
    serials = List.copyOf(serials);
    ports = List.copyOf(ports);
    if (cpus < 1 || cpus > MAX_CPUS) {
      throw new MachineException(
          "A machine has 1 to %d processors; %d were asked for.".formatted(MAX_CPUS, cpus));
    }
    if (memory < MIN_MEMORY || memory > MAX_MEMORY || (memory & 4095) != 0) {
      throw new MachineException(
          "Guest memory is a multiple of 4096 bytes from %d MiB to %d GiB; %d bytes were asked for."
              .formatted(MIN_MEMORY >> 20, MAX_MEMORY >> 30, memory));
    }
    if (serials.size() > 2) {
      throw new MachineException("A machine has at most 2 serial lines.");
    }
    if (disks.size() > 16) {
      throw new MachineException("A machine has at most 16 disks.");
    }
    if (commandLine.indexOf('\0') >= 0) {
      throw new MachineException("The kernel's command line must not hold a NUL character.");
    }
  }

  /** A builder for a machine with this kernel, 1 processor, 512 MiB and no devices of choice. */
  public static Builder of(BootFile kernel) {
    return new Builder(kernel);
  }

  /** Collects what is not left at its default. One thread. */
  public static final class Builder {
    private final BootFile kernel;
    private final List<BootFile> initrds = new ArrayList<>();
    private final List<Disk> disks = new ArrayList<>();
    private final List<Serial> serials = new ArrayList<>();
    private final List<Port> ports = new ArrayList<>();
    private String commandLine = "";
    private int cpus = 1;
    private long memory = 512L << 20;
    private String engine = "interpreter";
    private String cpuModel = BEST_CPU_MODEL;
    private boolean entropy = true;
    private ResetPolicy resets = ResetPolicy.END;
    private boolean testDevices;
    private boolean countInstructions;

    private Builder(BootFile kernel) {
      this.kernel = kernel;
    }

    /** Adds an initial ramdisk. */
    public Builder initrd(BootFile initrd) {
      initrds.add(initrd);
      return this;
    }

    /** Sets the kernel's command line. */
    public Builder commandLine(String value) {
      commandLine = value;
      return this;
    }

    /** Sets the number of processors. */
    public Builder cpus(int value) {
      cpus = value;
      return this;
    }

    /** Sets guest RAM in bytes. */
    public Builder memory(long bytes) {
      memory = bytes;
      return this;
    }

    /** Sets the CPU engine's name; {@link EngineChoice#AUTO} for the fastest that can run. */
    public Builder engine(String name) {
      engine = name;
      return this;
    }

    /** Sets the CPUID model's name. */
    public Builder cpuModel(String name) {
      cpuModel = name;
      return this;
    }

    /** Adds a virtio disk. */
    public Builder disk(Path file, boolean readOnly) {
      disks.add(new Disk(file, readOnly));
      return this;
    }

    /** Adds the next UART. */
    public Builder serial(ByteSink output) {
      serials.add(new Serial(output));
      return this;
    }

    /** Adds a virtio console port. */
    public Builder port(String name, boolean console, ByteSink output) {
      ports.add(new Port(name, console, output));
      return this;
    }

    /** Sets whether there is a virtio entropy device. */
    public Builder entropy(boolean value) {
      entropy = value;
      return this;
    }

    /** Sets what a guest's reset does. */
    public Builder resets(ResetPolicy value) {
      resets = value;
      return this;
    }

    /** Adds the ports that test programs end themselves with. */
    public Builder testDevices(boolean value) {
      testDevices = value;
      return this;
    }

    /** Sets whether every instruction is counted. */
    public Builder countInstructions(boolean value) {
      countInstructions = value;
      return this;
    }

    /**
     * The configuration.
     *
     * @throws MachineException if a value is out of range, with one sentence for the user
     */
    public MachineConfig build() {
      return new MachineConfig(
          kernel,
          initrds,
          commandLine,
          cpus,
          memory,
          engine,
          cpuModel,
          disks,
          serials,
          ports,
          entropy,
          resets,
          testDevices,
          countInstructions);
    }
  }
}
