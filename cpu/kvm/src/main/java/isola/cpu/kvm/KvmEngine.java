package isola.cpu.kvm;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.CpuidTable;
import isola.core.memory.GuestMemory;
import isola.host.ThreadSignal;
import java.util.Optional;

/** Guest code on the host's own processor, where Linux offers {@code /dev/kvm}. */
public final class KvmEngine implements CpuEngine {
  private static final int PREFERENCE = 30;

  /** The provider, as {@link java.util.ServiceLoader} makes it. */
  public KvmEngine() {}

  @Override
  public String name() {
    return "kvm";
  }

  @Override
  public int preference() {
    return PREFERENCE;
  }

  @Override
  public Optional<String> unavailable() {
    return KvmSystem.obstacle(KvmSystem.PATH);
  }

  @Override
  public int level() {
    try (KvmSystem system = KvmSystem.open(KvmSystem.PATH)) {
      return system.guestCpuid().level();
    } catch (KvmException e) {
      return CpuEngine.super.level();
    }
  }

  @Override
  public long hostTscHz() {
    if (unavailable().isPresent()) {
      return 0;
    }
    try (KvmSystem system = KvmSystem.open(KvmSystem.PATH);
        KvmVm vm = system.createVm()) {
      long own = vm.tscHz();
      if (own > 0) {
        return own;
      }
      // Before Linux 5.18 only a processor knows.
      try (KvmVcpu vcpu = vm.createVcpu(0)) {
        return TscFrequency.own(vcpu);
      }
    } catch (KvmException _) {
      // As with a host whose virtualization another program has taken.
      return 0;
    }
  }

  @Override
  public CpuidTable hostCpuid(CpuidTable table) {
    if (unavailable().isPresent()) {
      return table;
    }
    try (KvmSystem system = KvmSystem.open(KvmSystem.PATH)) {
      return new CpuidTable(system.guestCpuid().rows(table));
    } catch (KvmException _) {
      return table;
    }
  }

  @Override
  public Optional<String> reluctance() {
    return SpeedProbe.tooSlow();
  }

  @Override
  public void prepare() {
    if (unavailable().isEmpty()) {
      GuestEntry.prepare();
      int _ = ThreadSignal.currentThread();
    }
  }

  @Override
  public CpuVm create(GuestMemory memory) {
    return new KvmMachine(memory);
  }
}
