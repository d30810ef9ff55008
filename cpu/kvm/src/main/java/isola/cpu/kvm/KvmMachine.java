package isola.cpu.kvm;

import isola.core.cpu.CpuVm;
import isola.core.cpu.CpuidTable;
import isola.core.cpu.EngineApics;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.cpu.kvm.abi.KvmCapability;
import isola.cpu.kvm.abi.KvmSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** The processors of one machine on KVM. All memory slots are there when it is made. */
final class KvmMachine implements CpuVm {
  /** Pages below the I/O APIC's and the firmware's, where no board has anything. */
  private static final long IDENTITY_MAP = 0xfeff_c000L;

  private static final long TSS = 0xfeff_d000L;

  /**
   * How this KVM tells a processor's state.
   *
   * @param xsaveBytes size of the area of KVM_GET_XSAVE2, 0 where there is only KVM_GET_XSAVE
   * @param sregs2 whether there is KVM_GET_SREGS2
   */
  record Kept(int xsaveBytes, boolean sregs2) {}

  private final KvmVm vm;
  private final KvmApics apics;
  private final GuestCpuid cpuid;
  private final int[] msrs;
  private final int most;
  private final int doorbellLength;
  private final Kept kept;
  private final TscFrequency frequency;
  private final StoppedTime time;
  private final WriteLog writes;
  private final List<KvmProcessor> processors = new ArrayList<>();
  private @Nullable KvmVcpu first;
  private @Nullable DoorbellRinger ringer;

  /**
   * A machine with this memory.
   *
   * @throws KvmException if KVM refuses, with one sentence for the user
   */
  KvmMachine(GuestMemory memory) {
    try {
      GuestEntry.prepare();
    } catch (LinkageError e) {
      throw new KvmException(
          "The host refuses executable memory, which the KVM engine needs; use --engine interpreter.");
    }
    try (KvmSystem system = KvmSystem.open(KvmSystem.PATH)) {
      most = system.check(KvmCapability.KVM_CAP_MAX_VCPUS);
      cpuid = system.guestCpuid();
      frequency = new TscFrequency(system.check(KvmCapability.KVM_CAP_TSC_CONTROL) > 0);
      msrs = system.msrs();
      vm = system.createVm();
    }
    apics = new KvmApics(vm);
    time = new StoppedTime(vm);
    writes = new WriteLog(vm, memory);
    try {
      vm.place(TSS, IDENTITY_MAP);
      if (!vm.enable(KvmCapability.KVM_CAP_SPLIT_IRQCHIP, KvmApics.INPUTS)) {
        throw new KvmException("KVM refused its local APICs without an I/O APIC.");
      }
      boolean _ =
          vm.enable(KvmCapability.KVM_CAP_X86_USER_SPACE_MSR, KvmSpec.KVM_MSR_EXIT_REASON_UNKNOWN);
      doorbellLength = vm.check(KvmCapability.KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0 ? 0 : 2;
      kept =
          new Kept(
              vm.check(KvmCapability.KVM_CAP_XSAVE2), vm.check(KvmCapability.KVM_CAP_SREGS2) > 0);
      int number = 0;
      for (MemorySlot slot : memory.slots()) {
        vm.setMemory(number++, slot, false);
      }
      first = vm.createVcpu(0);
    } catch (RuntimeException e) {
      vm.close();
      throw e;
    }
  }

  /** The handle, for tests. */
  KvmVm vm() {
    return vm;
  }

  @Override
  public synchronized long tscHz() {
    return first == null ? 0 : TscFrequency.own(first);
  }

  @Override
  public synchronized long tscHz(long wanted) {
    return first == null ? wanted : frequency.ask(first, wanted);
  }

  @Override
  public CpuidTable offered(CpuidTable table) {
    return new CpuidTable(cpuid.rows(table));
  }

  @Override
  public EngineApics apics() {
    return apics;
  }

  @Override
  public synchronized Vcpu createVcpu(VcpuWiring wiring) {
    int index = processors.size();
    if (index >= most) {
      throw new KvmException("This host's KVM gives a machine %d processors.".formatted(most));
    }
    KvmVcpu made = first;
    first = null;
    KvmVcpu vcpu = made != null ? made : vm.createVcpu(index);
    KvmProcessor processor;
    try {
      if (made == null) {
        frequency.give(vcpu);
      }
      processor = new KvmProcessor(index, vcpu, apics, wiring, cpuid, msrs, kept);
    } catch (RuntimeException e) {
      vcpu.close();
      throw e;
    }
    if (index == 0) {
      apics.onExternal(processor::interruptRaised);
      if (vm.check(KvmCapability.KVM_CAP_IOEVENTFD) > 0) {
        ringer = new DoorbellRinger(vm, wiring.mmio(), doorbellLength);
      }
    }
    processors.add(processor);
    return processor;
  }

  @Override
  public synchronized void paused() {
    time.stop(processors);
  }

  @Override
  public synchronized void resumed() {
    time.go(processors);
  }

  @Override
  public synchronized long paravirtualNanos() {
    return time.paravirtual();
  }

  @Override
  public synchronized void paravirtualNanos(long nanos) {
    time.paravirtual(nanos);
  }

  @Override
  public synchronized void counter(long ticks) {
    time.counter(ticks);
  }

  @Override
  public synchronized boolean logWrites(boolean on) {
    writes.log(on);
    return true;
  }

  @Override
  public synchronized void writtenPages(LongConsumer guestAddress) {
    writes.written(guestAddress);
  }

  @Override
  public synchronized void close() {
    if (ringer != null) {
      ringer.close();
      ringer = null;
    }
    processors.forEach(KvmProcessor::close);
    processors.clear();
    if (first != null) {
      first.close();
      first = null;
    }
    vm.close();
  }
}
