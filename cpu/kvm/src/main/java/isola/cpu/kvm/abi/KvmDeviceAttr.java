package isola.cpu.kvm.abi;

/** KVM_SET_DEVICE_ATTR: {@code struct kvm_device_attr}, Linux uapi linux/kvm.h. */
public final class KvmDeviceAttr {
  /** Size in bytes. */
  public static final int SIZE = 24;

  public static final int FLAGS = 0;
  public static final int GROUP = 4;
  public static final int ATTR = 8;
  public static final int ADDR = 16;

  private KvmDeviceAttr() {}
}
