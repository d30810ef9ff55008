package isola.machine.board.vcpu;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.bus.MmioBus;
import isola.core.bus.MmioDevice;
import isola.core.bus.PortBus;
import isola.core.bus.PortDevice;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The loop over exits and the control of vCPU threads, with processors that follow a script. */
@Timeout(60)
final class VcpusTest {
  private final List<FakeVcpu> fakes = new ArrayList<>();
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private final PortBus ports = new PortBus();
  private final MmioBus mmio = new MmioBus();
  private Vcpus vcpus = machine(1);

  private Vcpus machine(int cpus) {
    fakes.clear();
    List<Vcpu> list = new ArrayList<>();
    List<MmioBus> buses = new ArrayList<>();
    for (int i = 0; i < cpus; i++) {
      fakes.add(new FakeVcpu(i));
      list.add(fakes.get(i));
      buses.add(mmio);
    }
    vcpus =
        new Vcpus(
            "test",
            list,
            ports,
            buses,
            new Vcpus.Listener() {
              @Override
              public void shutdown(int cpu, String detail) {
                told.add("shutdown " + cpu + " " + detail);
              }

              @Override
              public void failed(int cpu, String detail) {
                told.add("failed " + cpu + " " + detail);
              }
            });
    return vcpus;
  }

  @AfterEach
  void end() throws InterruptedException {
    vcpus.stop();
    vcpus.join();
  }

  private static void await(CountDownLatch latch) throws InterruptedException {
    assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void portAndMemoryExitsReachTheBusesAndReadsComeBack() throws InterruptedException {
    List<Long> seen = new ArrayList<>();
    ports.attach(
        0x60,
        4,
        new PortDevice() {
          @Override
          public int in(int offset, int size) {
            return 0x11 * size;
          }

          @Override
          public void out(int offset, int size, int value) {
            seen.add((long) offset << 32 | value);
          }
        });
    mmio.attach(
        0x1000,
        0x1000,
        new MmioDevice() {
          @Override
          public long read(long offset, int size) {
            return offset;
          }

          @Override
          public void write(long offset, int size, long value) {
            seen.add(value);
          }
        });
    CountDownLatch done = new CountDownLatch(1);
    FakeVcpu cpu = fakes.getFirst();
    cpu.script.add(
        r -> {
          r.address = 0x60;
          r.size = 2;
          return Exit.PORT_IN;
        });
    cpu.script.add(
        r -> {
          seen.add(r.data);
          r.address = 0x61;
          r.size = 1;
          r.data = 0xab;
          return Exit.PORT_OUT;
        });
    cpu.script.add(
        r -> {
          r.address = 0x1238;
          r.size = 8;
          return Exit.MMIO_READ;
        });
    cpu.script.add(
        r -> {
          seen.add(r.data);
          r.data = 0xfeed_face_cafe_beefL;
          return Exit.MMIO_WRITE;
        });
    cpu.script.add(
        _ -> {
          done.countDown();
          return Exit.HALT;
        });
    vcpus.start();
    await(done);
    assertThat(seen).containsExactly(0x22L, 0x1_0000_00abL, 0x238L, 0xfeed_face_cafe_beefL);
    assertThat(vcpus.exits())
        .containsEntry("PORT_IN", 1L)
        .containsEntry("MMIO_WRITE", 1L)
        .doesNotContainKey("SHUTDOWN");
  }

  @Test
  void noWakeUpIsLostBetweenTwoProcessorsThatWakeEachOther() throws InterruptedException {
    machine(2);
    int rounds = 20_000;
    CountDownLatch done = new CountDownLatch(2 * rounds);
    vcpus.start();
    pingPong(0, done);
    await(done);
  }

  private void pingPong(int cpu, CountDownLatch done) {
    fakes
        .get(cpu)
        .signal(
            _ -> {
              done.countDown();
              if (done.getCount() > 0) {
                pingPong(1 - cpu, done);
              }
              return Exit.HALT;
            });
  }

  @Test
  void aHaltedProcessorDoesNotRunAgainByItself() throws InterruptedException {
    vcpus.start();
    Thread.sleep(100);
    int before = fakes.getFirst().runs.get();
    Thread.sleep(300);
    assertThat(fakes.getFirst().runs.get()).isEqualTo(before);
  }

  @Test
  void whilePausedNothingRunsAndAfterwardsEverythingDoes() throws InterruptedException {
    machine(3);
    FakeVcpu busy = fakes.get(1);
    keepBusy(busy);
    vcpus.start();
    for (int i = 0; i < 50; i++) {
      vcpus.pause();
      int before = busy.runs.get();
      Thread.onSpinWait();
      assertThat(busy.runs.get()).isEqualTo(before);
      vcpus.resume();
    }
    CountDownLatch ran = new CountDownLatch(1);
    fakes
        .getFirst()
        .signal(
            _ -> {
              ran.countDown();
              return Exit.HALT;
            });
    await(ran);
  }

  private static void keepBusy(FakeVcpu cpu) {
    cpu.script.add(
        _ -> {
          keepBusy(cpu);
          return Exit.INTERRUPT_WINDOW;
        });
  }

  @Test
  void aProcessorThatIsStoppedWhilePausedEnds() throws InterruptedException {
    machine(2);
    vcpus.start();
    vcpus.pause();
    vcpus.stop();
    vcpus.join();
  }

  @Test
  void aTripleFaultIsToldAndTheOthersGoOn() throws InterruptedException {
    machine(2);
    vcpus.start();
    fakes
        .get(1)
        .signal(
            r -> {
              r.detail = "triple fault";
              return Exit.SHUTDOWN;
            });
    assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo("shutdown 1 triple fault");
    CountDownLatch ran = new CountDownLatch(1);
    fakes
        .getFirst()
        .signal(
            _ -> {
              ran.countDown();
              return Exit.HALT;
            });
    await(ran);
    vcpus.pause();
    vcpus.resume();
  }

  @Test
  void aFailureOfAnyKindEndsInASentence() throws InterruptedException {
    machine(3);
    vcpus.start();
    fakes
        .getFirst()
        .signal(
            _ -> {
              throw new IllegalStateException("no such opcode");
            });
    assertThat(told.poll(10, TimeUnit.SECONDS))
        .startsWith("failed 0 IllegalStateException (no such opcode) at ");
    fakes.get(1).signal(_ -> overflow(1) == 0 ? Exit.HALT : Exit.KICK);
    assertThat(told.poll(10, TimeUnit.SECONDS)).startsWith("failed 1 StackOverflowError");
    fakes.get(2).signal(_ -> Exit.SYSTEM_CALL);
    assertThat(told.poll(10, TimeUnit.SECONDS)).contains("SYSTEM_CALL");
  }

  private static int overflow(int depth) {
    return depth < 0 ? 0 : overflow(depth + 1) + 1;
  }
}
