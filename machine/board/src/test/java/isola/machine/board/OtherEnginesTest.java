package isola.machine.board;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.CpuidTable;
import isola.core.cpu.CpuidTable.Row;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.spec.CpuidSpec;
import isola.machine.board.boot.BootFile;
import isola.machine.board.vcpu.FakeVcpu;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a new machine is given so that it can go on with other engines. */
final class OtherEnginesTest {
  private static final long HARDWARE_HZ = 2_095_123_000L;

  /** One that can do everything. */
  private static final class Software implements CpuEngine {
    final List<VcpuWiring> wirings = new ArrayList<>();

    @Override
    public String name() {
      return "software";
    }

    @Override
    public Optional<String> unavailable() {
      return Optional.empty();
    }

    @Override
    public int level() {
      return 3;
    }

    @Override
    public CpuVm create(GuestMemory memory) {
      return new CpuVm() {
        @Override
        public Vcpu createVcpu(VcpuWiring wiring) {
          wirings.add(wiring);
          return new FakeVcpu(wirings.size() - 1);
        }

        @Override
        public void close() {}
      };
    }
  }

  /** One that has its own frequency, and neither MOVBE nor AVX2. */
  private record Hardware(boolean here) implements CpuEngine {
    @Override
    public String name() {
      return "hardware";
    }

    @Override
    public Optional<String> unavailable() {
      return here ? Optional.empty() : Optional.of("It is not here.");
    }

    @Override
    public long hostTscHz() {
      return here ? HARDWARE_HZ : 0;
    }

    @Override
    public CpuidTable hostCpuid(CpuidTable table) {
      if (!here) {
        return table;
      }
      List<Row> rows = new ArrayList<>();
      for (Row row : table.rows()) {
        boolean features = row.leaf() == CpuidSpec.FEATURES;
        rows.add(
            new Row(
                row.leaf(),
                row.subleaf(),
                row.eax(),
                row.ebx(),
                features ? row.ecx() & ~CpuidSpec.MOVBE : row.ecx(),
                row.edx()));
      }
      return new CpuidTable(rows);
    }

    @Override
    public CpuVm create(GuestMemory memory) {
      throw new IllegalStateException("The machine is another engine's.");
    }
  }

  private static BootFile kernel() {
    ByteBuffer image = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0, 0x1badb002).putInt(4, 0x10000).putInt(8, -(0x1badb002 + 0x10000));
    image.putInt(12, 0x100000).putInt(16, 0x100000).putInt(20, 0x101000).putInt(28, 0x100080);
    return BootFile.of("kernel", image.array());
  }

  /** How the second processor of a machine is wired. */
  private static VcpuWiring wiring(String model, boolean hardware) {
    Software engine = new Software();
    MachineConfig config =
        MachineConfig.of(kernel())
            .cpus(2)
            .memory(16 << 20)
            .engine("software")
            .cpuModel(model)
            .build();
    List<CpuEngine> installed = List.of(new Hardware(hardware), engine);
    try (PcMachine _ = new PcMachine(config, engine, OtherEngines.of(config, engine, installed))) {
      return engine.wirings.get(1);
    }
  }

  private static Row row(VcpuWiring wiring, int leaf) {
    return Objects.requireNonNull(wiring.cpuid().find(leaf, 0));
  }

  @Test
  void aCommonMachineHasWhatHardwareHasHere() {
    VcpuWiring wiring = wiring(MachineConfig.COMMON_CPU_MODEL, true);
    assertThat(wiring.tscHz()).isEqualTo(HARDWARE_HZ);
    assertThat(row(wiring, CpuidSpec.HYPERVISOR_TIMING).eax()).isEqualTo(2_095_123);
    assertThat(row(wiring, CpuidSpec.FEATURES).ecx() & CpuidSpec.MOVBE).isZero();
    assertThat(row(wiring, CpuidSpec.FEATURES).ecx() & CpuidSpec.SSE4_2).isNotZero();
    assertThat(row(wiring, CpuidSpec.FEATURES).ecx() & CpuidSpec.AVX).as("level 2").isZero();
    assertThat(row(wiring, CpuidSpec.FEATURES).ebx() >>> 24).as("its own number").isEqualTo(1);
  }

  @Test
  void anyOtherMachineIsTheSameOnEveryHost() {
    for (VcpuWiring wiring :
        List.of(
            wiring(MachineConfig.BEST_CPU_MODEL, true),
            wiring(MachineConfig.BEST_CPU_MODEL, false),
            wiring(MachineConfig.COMMON_CPU_MODEL, false))) {
      assertThat(wiring.tscHz()).isEqualTo(1_000_000_000L);
      assertThat(row(wiring, CpuidSpec.FEATURES).ecx() & CpuidSpec.MOVBE).isNotZero();
      assertThat(row(wiring, CpuidSpec.FEATURES).ecx() & CpuidSpec.AVX).isNotZero();
    }
  }
}
