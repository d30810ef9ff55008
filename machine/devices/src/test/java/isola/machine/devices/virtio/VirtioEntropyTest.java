package isola.machine.devices.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.memory.GuestMemory;
import isola.machine.devices.virtio.Driver.Buffer;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VirtioEntropyTest {
  private final GuestMemory memory = Driver.memory();

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void fillsWhatItIsGivenFromTheInjectedSource() {
    VirtioPci device =
        VirtioPci.entropy(memory, () -> 0x0807_0605_0403_0201L, Runnable::run, (a, d) -> {});
    AtomicInteger drivers = new AtomicInteger();
    device.onDriver(drivers::incrementAndGet);
    Driver driver = new Driver(memory, device);
    driver.initialise(driver.offered() & ~VirtioSpec.F_RING_EVENT_IDX);
    assertThat(drivers).hasValue(1);
    driver.offer(0, new Buffer(0x1000, 10, true));
    driver.notifyQueue(0);
    assertThat(driver.used(0)).containsExactly(0, 10);
    assertThat(memory.get(0x1000, 8)).isEqualTo(0x0807_0605_0403_0201L);
    assertThat(memory.get(0x1008, 8)).isEqualTo(0x0201L);
    driver.offer(0, new Buffer(0x10_0000, 0x70_0000, true));
    driver.notifyQueue(0);
    assertThat(driver.used(0)).containsExactly(1, 4096);
    driver.offer(0, new Buffer(1L << 50, 10, true));
    driver.notifyQueue(0);
    assertThat(driver.used(0)).containsExactly(2, 0);
  }
}
