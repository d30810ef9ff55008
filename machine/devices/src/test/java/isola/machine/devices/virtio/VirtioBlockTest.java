package isola.machine.devices.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.memory.GuestMemory;
import isola.machine.devices.virtio.Driver.Buffer;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VirtioBlockTest {
  private static final long ALL_BUT_EVENTS = ~VirtioSpec.F_RING_EVENT_IDX;
  private static final long HEADER = 0x1000;
  private static final long DATA = 0x2000;
  private static final long STATUS = 0x8000;

  private final GuestMemory memory = Driver.memory();
  private MemoryDisk disk = new MemoryDisk(false);
  private Driver driver = new Driver(memory, device());

  private VirtioPci device() {
    return VirtioPci.block(memory, disk, "disk-0", Runnable::run, (address, data) -> {});
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private void start() {
    driver.initialise(driver.offered() & ALL_BUT_EVENTS);
    assertThat(driver.status()).isEqualTo(15);
  }

  private int request(int type, long sector, Buffer... data) {
    memory.put(HEADER, 4, type);
    memory.put(HEADER + 8, 8, sector);
    memory.put(STATUS, 1, 0x77);
    Buffer[] all = new Buffer[data.length + 2];
    all[0] = new Buffer(HEADER, 16, false);
    System.arraycopy(data, 0, all, 1, data.length);
    all[all.length - 1] = new Buffer(STATUS, 1, true);
    driver.offer(0, all);
    driver.notifyQueue(0);
    return (int) memory.get(STATUS, 1);
  }

  @Test
  void configurationTellsTheCapacityInSectors() {
    assertThat(driver.device.read(0x2000, 4)).isEqualTo(128);
    assertThat(driver.device.read(0x2014, 4)).isEqualTo(512);
  }

  @Test
  void writesThenReadsBackOverScatteredBuffers() {
    start();
    driver.bytes(DATA, "a".repeat(300) + "b".repeat(724));
    assertThat(request(1, 3, new Buffer(DATA, 300, false), new Buffer(DATA + 300, 724, false)))
        .isZero();
    assertThat(disk.bytes[3 * 512]).isEqualTo((byte) 'a');
    assertThat(disk.bytes[3 * 512 + 300]).isEqualTo((byte) 'b');
    assertThat(driver.used(0)).containsExactly(0, 1);
    assertThat(driver.isr()).isEqualTo(1);
    assertThat(driver.isr()).isZero();

    assertThat(request(0, 3, new Buffer(DATA + 0x1000, 1024, true))).isZero();
    assertThat(driver.text(DATA + 0x1000, 1024)).isEqualTo("a".repeat(300) + "b".repeat(724));
    assertThat(driver.used(0)).containsExactly(4, 1025);
  }

  @Test
  void flushIdentifyDiscardAndUnknownRequests() {
    start();
    Arrays.fill(disk.bytes, (byte) 9);
    assertThat(request(4, 0)).isZero();
    assertThat(disk.flushes).isEqualTo(1);
    assertThat(request(8, 0, new Buffer(DATA, 20, true))).isZero();
    assertThat(driver.text(DATA, 6)).isEqualTo("disk-0");
    memory.put(DATA, 8, 8);
    memory.put(DATA + 8, 4, 8);
    memory.put(DATA + 12, 4, 0);
    assertThat(request(11, 0, new Buffer(DATA, 16, false))).isZero();
    assertThat(disk.bytes[8 * 512]).isZero();
    assertThat(disk.bytes[16 * 512]).isEqualTo((byte) 9);
    assertThat(request(99, 0)).isEqualTo(2);
  }

  @Test
  void requestsBeyondTheEndOrOnAFailingDiskEndWithAnError() {
    start();
    assertThat(request(0, 128, new Buffer(DATA, 512, true))).isEqualTo(1);
    assertThat(request(0, 127, new Buffer(DATA, 1024, true))).isEqualTo(1);
    assertThat(request(0, -1, new Buffer(DATA, 512, true))).isEqualTo(1);
    assertThat(request(0, 0, new Buffer(DATA, 100, true))).isEqualTo(1);
    assertThat(request(0, 0, new Buffer(1L << 40, 512, true))).isEqualTo(1);
    disk.failing = true;
    assertThat(request(0, 0, new Buffer(DATA, 512, true))).isEqualTo(1);
    assertThat(driver.device.errors()).isEqualTo(1);
    disk.failing = false;
    assertThat(request(0, 0, new Buffer(DATA, 512, true))).isZero();
  }

  @Test
  void aReadOnlyDiskSaysSoAndRefusesWrites() {
    disk = new MemoryDisk(true);
    driver = new Driver(memory, device());
    assertThat(driver.offered() & (1 << 5)).isNotZero();
    assertThat(driver.offered() & (1 << 13)).isZero();
    start();
    assertThat(request(1, 0, new Buffer(DATA, 512, false))).isEqualTo(1);
    assertThat(disk.bytes[0]).isZero();
  }

  @Test
  void interruptsAreHeldBackAsTheDriverWishes() {
    start();
    memory.put(0x10_2000, 2, VirtioSpec.AVAIL_F_NO_INTERRUPT);
    assertThat(request(4, 0)).isZero();
    assertThat(driver.isr()).isZero();
  }

  @Test
  void withEventIndexOnlyTheAwaitedRequestInterrupts() {
    driver.initialise(driver.offered());
    long usedEvent = 0x10_2000 + 4 + 2 * 8;
    memory.put(usedEvent, 2, 1);
    request(4, 0);
    driver.isr();
    memory.put(usedEvent, 2, 2);
    request(4, 0);
    assertThat(driver.isr()).isZero();
    request(4, 0);
    assertThat(driver.isr()).isEqualTo(1);
  }

  @Test
  void indirectDescriptorsCarryARequest() {
    start();
    long table = 0x9000;
    memory.put(HEADER, 4, 0);
    memory.put(HEADER + 8, 8, 5);
    disk.bytes[5 * 512] = 42;
    long[][] rows = {{HEADER, 16, 1, 1}, {DATA, 512, 3, 2}, {STATUS, 1, 2, 0}};
    for (int i = 0; i < rows.length; i++) {
      memory.put(table + i * 16L, 8, rows[i][0]);
      memory.put(table + i * 16L + 8, 4, rows[i][1]);
      memory.put(table + i * 16L + 12, 2, rows[i][2]);
      memory.put(table + i * 16L + 14, 2, rows[i][3]);
    }
    driver.descriptor(0, 0, table, 48, VirtioSpec.DESC_F_INDIRECT, 0);
    driver.available(0, 0);
    driver.notifyQueue(0);
    assertThat(driver.used(0)).containsExactly(0, 513);
    assertThat(memory.get(DATA, 1)).isEqualTo(42);
  }

  @Test
  void aLoopOfDescriptorsBreaksTheDeviceUntilReset() {
    start();
    driver.descriptor(0, 0, HEADER, 16, VirtioSpec.DESC_F_NEXT, 1);
    driver.descriptor(0, 1, HEADER, 16, VirtioSpec.DESC_F_NEXT, 0);
    driver.available(0, 0);
    driver.notifyQueue(0);
    assertThat(driver.status() & VirtioSpec.STATUS_NEEDS_RESET).isNotZero();
    assertThat(driver.isr()).isEqualTo(VirtioSpec.ISR_CONFIG);
    assertThat(request(4, 0)).isEqualTo(0x77);
    start();
    assertThat(request(4, 0)).isZero();
  }

  @Test
  void ringsOutsideMemoryAndWildIndexesBreakTheDevice() {
    start();
    driver.availableIndex(0, 5000);
    driver.notifyQueue(0);
    assertThat(driver.status() & VirtioSpec.STATUS_NEEDS_RESET).isNotZero();
  }

  @Test
  void featuresThatWereNotOfferedAreRefused() {
    driver.initialise(driver.offered() | 1L << 40);
    assertThat(driver.status() & (VirtioSpec.STATUS_FEATURES_OK | VirtioSpec.STATUS_DRIVER_OK))
        .isZero();
    driver.initialise(driver.offered() & ~VirtioSpec.F_VERSION_1);
    assertThat(driver.status() & (VirtioSpec.STATUS_FEATURES_OK | VirtioSpec.STATUS_DRIVER_OK))
        .isZero();
  }

  @Test
  void stateSurvivesSaveAndRestoreIntoAnotherDevice() {
    start();
    driver.bytes(DATA, "x".repeat(512));
    assertThat(request(1, 0, new Buffer(DATA, 512, false))).isZero();
    driver.used(0);
    VirtioPci.State state = driver.device.save();
    VirtioPci other = device();
    other.restore(state);
    assertThat(other.save().queues()).isEqualTo(state.queues());
    memory.put(HEADER, 4, 0);
    memory.put(HEADER + 8, 8, 0);
    driver.offer(
        0,
        new Buffer(HEADER, 16, false),
        new Buffer(DATA + 512, 512, true),
        new Buffer(STATUS, 1, true));
    other.write(0x3000, 2, 0);
    assertThat(driver.text(DATA + 512, 3)).isEqualTo("xxx");
    assertThat(driver.used(0)).hasSize(2);
  }

  @Test
  void hostileRegisterValuesNeitherThrowNorReachOutside() {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
    int[] sizes = {1, 2, 4, 8};
    long[] nasty = {0, 1, -1, 0xffff, 0x8000_0000L, 1L << 63, 0x7fff_ffff_ffff_ffffL, 8, 15};
    for (int i = 0; i < 200_000; i++) {
      int size = sizes[random.nextInt(4)];
      long offset = random.nextInt(0x4000 - 8);
      if (random.nextInt(3) > 0) {
        offset &= 0x303f;
      }
      long value = random.nextBoolean() ? nasty[random.nextInt(nasty.length)] : random.nextLong();
      driver.device.write(offset, size, value);
      driver.device.read(random.nextInt(0x4000 - 8), size);
      if (i % 100 == 0) {
        start();
        for (int d = 0; d < 8; d++) {
          driver.descriptor(
              0,
              d,
              random.nextLong() >>> random.nextInt(64),
              random.nextInt(),
              random.nextInt(),
              random.nextInt(10));
        }
        driver.available(0, random.nextInt(10));
        driver.notifyQueue(0);
      }
    }
    start();
    assertThat(request(4, 0)).isZero();
  }
}
