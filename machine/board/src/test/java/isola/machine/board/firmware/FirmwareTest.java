package isola.machine.board.firmware;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.bus.PortBus;
import isola.core.memory.GuestMemory;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.layout.MemoryMap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The tables as a guest finds them. The golden files hold each table as hexadecimal text; {@code
 * -Disola.golden.write=true} writes them anew, and {@code iasl -d} on the binary ones that go to
 * {@code target/acpi} says what they mean.
 */
final class FirmwareTest {
  private static final long HPET = 0x8086a201L;

  private static Firmware firmware(int cpus) {
    return new Firmware(cpus, 1, new MemoryMap(1L << 30), HPET, 0x106ca, 0x178bfbff);
  }

  @Test
  void everyTableIsAsItWas() throws IOException {
    Path binaries = Path.of("target/acpi");
    Files.createDirectories(binaries);
    for (AcpiTables.Placed placed : firmware(2).acpi()) {
      String name = new String(placed.table(), 0, 4, StandardCharsets.US_ASCII);
      Files.write(binaries.resolve(name + ".aml"), placed.table());
      golden(name, placed.table());
    }
    golden("RSDP", AcpiTables.rsdp(0xe1000, 0xe2000));
    golden("MP", MpTable.table(2, 0x106ca, 0x178bfbff));
    golden("SMBIOS", Smbios.structures());
  }

  private static void golden(String name, byte[] bytes) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < bytes.length; i++) {
      text.append("%02x".formatted(bytes[i])).append(i % 16 == 15 ? '\n' : ' ');
    }
    String now = text.toString().strip() + "\n";
    Path file = Path.of("src/test/resources/golden", name + ".hex");
    if (Boolean.getBoolean("isola.golden.write")) {
      Files.writeString(file, now);
    }
    assertThat(now).as(name).isEqualTo(Files.readString(file));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 64})
  void aGuestFindsEveryTableFromTheRootPointerAndChecksumsAreRight(int cpus) {
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 1 << 20);
      long rsdp = firmware(cpus).install(memory, new PortBus());
      ByteBuffer all = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
      memory.read(0, all.array(), 0, 1 << 20);
      assertThat(text(all, (int) rsdp, 8)).isEqualTo("RSD PTR ");
      assertSumsToZero(all, (int) rsdp, 20);
      assertSumsToZero(all, (int) rsdp, 36);
      int xsdt = (int) all.getLong((int) rsdp + 24);
      int rsdt = all.getInt((int) rsdp + 16);
      List<String> found = new ArrayList<>();
      for (int at = xsdt + 36; at < xsdt + all.getInt(xsdt + 4); at += 8) {
        int table = (int) all.getLong(at);
        assertThat(all.getInt(rsdt + 36 + (at - xsdt - 36) / 2)).isEqualTo(table);
        assertSumsToZero(all, table, all.getInt(table + 4));
        found.add(text(all, table, 4));
        if (text(all, table, 4).equals("FACP")) {
          assertThat(all.getInt(table + 4)).isEqualTo(276);
          int dsdt = all.getInt(table + 40);
          assertThat(all.getLong(table + 140)).isEqualTo(dsdt);
          assertThat(text(all, dsdt, 4)).isEqualTo("DSDT");
          assertSumsToZero(all, dsdt, all.getInt(dsdt + 4));
          assertThat(text(all, all.getInt(table + 36), 4)).isEqualTo("FACS");
          assertThat(all.getInt(table + 36) % 64).isZero();
        }
      }
      assertThat(found).containsExactly("FACP", "APIC", "HPET", "MCFG");
      assertSumsToZero(all, xsdt, all.getInt(xsdt + 4));
      assertThat(xsdt + all.getInt(xsdt + 4)).isLessThan((int) BoardSpec.POINTERS_BASE);
    }
  }

  @Test
  void theMpTableNamesEveryProcessorAndItsPointerIsWhereSystemsSearch() {
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 1 << 20);
      firmware(64).install(memory, new PortBus());
      ByteBuffer all = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
      memory.read(0, all.array(), 0, 1 << 20);
      int pointer = search(all, "_MP_");
      assertSumsToZero(all, pointer, 16);
      int table = all.getInt(pointer + 4);
      assertThat(text(all, table, 4)).isEqualTo("PCMP");
      int length = all.getShort(table + 4) & 0xffff;
      assertSumsToZero(all, table, length);
      int processors = 0;
      int at = table + 44;
      for (int i = 0; i < all.getShort(table + 34); i++) {
        processors += all.get(at) == 0 ? 1 : 0;
        at += all.get(at) == 0 ? 20 : 8;
      }
      assertThat(at).isEqualTo(table + length);
      assertThat(processors).isEqualTo(64);
      assertSumsToZero(all, search(all, "_SM3_"), 24);
    }
  }

  @Test
  void everyRealModeInterruptHasAHandlerThatReturns() {
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 1 << 20);
      firmware(1).install(memory, new PortBus());
      for (int vector = 0; vector < 256; vector++) {
        long handler = (memory.get(vector * 4L + 2, 2) << 4) + memory.get(vector * 4L, 2);
        boolean acknowledges = false;
        int at = 0;
        while (memory.get(handler + at, 1) != 0xcf) {
          acknowledges |= memory.get(handler + at, 2) == 0x20e6;
          at++;
          assertThat(at).isLessThan(16);
        }
        boolean request = (vector & ~7) == 0x08 || (vector & ~7) == 0x70;
        assertThat(acknowledges).as("vector %d", vector).isEqualTo(request);
      }
    }
  }

  private static int search(ByteBuffer all, String signature) {
    for (int at = 0xf0000; at < 0x100000; at += 16) {
      if (text(all, at, signature.length()).equals(signature)) {
        return at;
      }
    }
    throw new AssertionError("no " + signature);
  }

  private static String text(ByteBuffer all, int at, int length) {
    byte[] bytes = new byte[length];
    all.get(at, bytes);
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  private static void assertSumsToZero(ByteBuffer all, int at, int length) {
    int sum = 0;
    for (int i = 0; i < length; i++) {
      sum += all.get(at + i);
    }
    assertThat(sum & 0xff).as("checksum of %s", text(all, at, 4)).isZero();
  }
}
