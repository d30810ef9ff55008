package isola.cpu.kvm;

import isola.core.cpu.CpuidTable;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmCapability;
import isola.cpu.kvm.abi.KvmCpuid2;
import isola.cpu.kvm.abi.KvmCpuidEntry2;
import isola.cpu.kvm.abi.KvmSpec;
import isola.host.DeviceFile;
import isola.host.HostProcessor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;

/** {@code /dev/kvm}, open. Any thread. */
final class KvmSystem implements AutoCloseable {
  static final String PATH = "/dev/kvm";

  private static final int ENOENT = 2;
  private static final int ENXIO = 6;
  private static final int EACCES = 13;
  private static final int ENODEV = 19;
  private static final int MOST_CPUID = 256;
  private static final int MOST_MSRS = 4096;

  private final DeviceFile file;

  private KvmSystem(DeviceFile file) {
    this.file = file;
  }

  /** Why it cannot be opened, or does not offer what the engine needs; empty if it does. */
  static Optional<String> obstacle(String path) {
    if (!HostProcessor.isX86Linux()) {
      return Optional.of("The KVM engine needs a 64-bit x86 host with Linux.");
    }
    try (KvmSystem _ = open(path)) {
      return Optional.empty();
    } catch (KvmException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Opens it.
   *
   * @throws KvmException saying what is in the way and what to do
   */
  static KvmSystem open(String path) {
    int descriptor = DeviceFile.open(path);
    if (descriptor < 0) {
      throw new KvmException(
          path
              + ": "
              + switch (-descriptor) {
                case ENOENT ->
                    "no such file; load the module kvm_intel or kvm_amd, and see that"
                        + " virtualization is on in the firmware and passed into this container.";
                case EACCES -> "permission denied; add yourself to the group kvm.";
                case ENXIO, ENODEV ->
                    "no such device; the processor has no virtualization, or the module kvm_intel"
                        + " or kvm_amd is not loaded.";
                default -> DeviceFile.reason(-descriptor) + ".";
              });
    }
    KvmSystem system = new KvmSystem(DeviceFile.of(descriptor));
    try {
      system.requireWhatIsNeeded(path);
      return system;
    } catch (KvmException e) {
      system.close();
      throw e;
    }
  }

  private void requireWhatIsNeeded(String path) {
    int version = file.ioctl(KvmSpec.KVM_GET_API_VERSION, 0);
    if (version != KvmSpec.API_VERSION) {
      throw new KvmException(
          version < 0
              ? path + " is not KVM: " + DeviceFile.reason(-version) + "."
              : "This host's KVM speaks version %d; Isola speaks %d."
                  .formatted(version, KvmSpec.API_VERSION));
    }
    requireCapabilities(this::check);
  }

  /** Throws unless all that is needed is there. */
  static void requireCapabilities(ToIntFunction<KvmCapability> check) {
    List<String> missing = new ArrayList<>();
    for (KvmCapability capability : KvmCapability.values()) {
      if (capability.needed() && check.applyAsInt(capability) <= 0) {
        missing.add(capability.name());
      }
    }
    if (!missing.isEmpty()) {
      throw new KvmException(
          "This host's KVM lacks %s; a newer Linux has it.".formatted(String.join(", ", missing)));
    }
  }

  /** What KVM says to a capability: 0 for none, 1 or a number for some. */
  int check(KvmCapability capability) {
    return Math.max(file.ioctl(KvmSpec.KVM_CHECK_EXTENSION, capability.number()), 0);
  }

  /** Creates a machine without memory or processors. */
  KvmVm createVm() {
    int mapped =
        KvmException.require(
            "KVM_GET_VCPU_MMAP_SIZE", file.ioctl(KvmSpec.KVM_GET_VCPU_MMAP_SIZE, 0));
    int descriptor = KvmException.require("a machine", file.ioctl(KvmSpec.KVM_CREATE_VM, 0));
    return new KvmVm(DeviceFile.of(descriptor), mapped);
  }

  /** The CPUID leaves that a guest can be given here. */
  List<CpuidTable.Row> supportedCpuid() {
    try (Buffer buffer = new Buffer(KvmCpuid2.SIZE + MOST_CPUID * KvmCpuidEntry2.SIZE)) {
      RawMemory.putInt(buffer.address() + KvmCpuid2.NENT, MOST_CPUID);
      KvmException.require(
          "KVM_GET_SUPPORTED_CPUID", file.ioctl(KvmSpec.KVM_GET_SUPPORTED_CPUID, buffer.address()));
      int count = RawMemory.getInt(buffer.address() + KvmCpuid2.NENT);
      List<CpuidTable.Row> rows = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        long at = buffer.address() + KvmCpuid2.ENTRIES + (long) i * KvmCpuidEntry2.SIZE;
        boolean indexed =
            (RawMemory.getInt(at + KvmCpuidEntry2.FLAGS) & KvmSpec.KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
                != 0;
        rows.add(
            new CpuidTable.Row(
                RawMemory.getInt(at + KvmCpuidEntry2.FUNCTION),
                indexed ? RawMemory.getInt(at + KvmCpuidEntry2.INDEX) : CpuidTable.ANY,
                RawMemory.getInt(at + KvmCpuidEntry2.EAX),
                RawMemory.getInt(at + KvmCpuidEntry2.EBX),
                RawMemory.getInt(at + KvmCpuidEntry2.ECX),
                RawMemory.getInt(at + KvmCpuidEntry2.EDX)));
      }
      return rows;
    }
  }

  /** What a guest's CPUID answers here. */
  GuestCpuid guestCpuid() {
    return new GuestCpuid(supportedCpuid(), check(KvmCapability.KVM_CAP_TSC_DEADLINE_TIMER) > 0);
  }

  /** The model-specific registers that save and restore know. */
  int[] msrs() {
    try (Buffer buffer = new Buffer(4 + MOST_MSRS * 4)) {
      RawMemory.putInt(buffer.address(), MOST_MSRS);
      KvmException.require(
          "KVM_GET_MSR_INDEX_LIST", file.ioctl(KvmSpec.KVM_GET_MSR_INDEX_LIST, buffer.address()));
      int[] indices = new int[RawMemory.getInt(buffer.address())];
      for (int i = 0; i < indices.length; i++) {
        indices[i] = RawMemory.getInt(buffer.address() + 4 + 4L * i);
      }
      return indices;
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
