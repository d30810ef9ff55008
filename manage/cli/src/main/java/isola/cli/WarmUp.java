package isola.cli;

import isola.core.cpu.CpuEngine;
import isola.image.Image;
import isola.image.ImageException;
import isola.image.ImageName;
import java.io.IOException;
import java.lang.module.ModuleReader;
import java.lang.module.ResolvedModule;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Command;

/**
 * {@code isola warm-up}, which the launcher runs once after a build: takes the usual ways through
 * the program with a guest of a few instructions, so that the JVM can note which classes they need.
 */
@Command(name = "warm-up", hidden = true, description = "Take the usual ways through the program.")
final class WarmUp implements Callable<Integer> {
  /** The debug exit port's status for the value that the guest writes: twice 16, plus 1. */
  private static final int SUCCESS = 33;

  // Multiboot Specification 0.6.96, 3.1: magic, flags (the address fields are valid), checksum
  private static final int MAGIC = 0x1badb002;
  private static final int FLAGS = 1 << 16;
  private static final int LOAD = 0x100000;
  private static final int HEADER = 32;

  private static final Pattern MACHINES =
      Pattern.compile("isola\\.(core|host|cpu\\..*|machine\\..*)");

  private static final Pattern CLASS_FILE = Pattern.compile("(?!module-info).*\\.class");

  private final Surroundings surroundings;
  private final OptionsOfAll all;

  WarmUp(Surroundings surroundings, OptionsOfAll all) {
    this.surroundings = surroundings;
    this.all = all;
  }

  @Override
  public Integer call() throws IOException, ImageException {
    Ahead.of("boot");
    // What the image store reads at the start of a run, whether there is an image or not.
    Optional<Image> _ = surroundings.images().find(ImageName.parse("debian"));
    loadMachines();
    Path kernel = Files.createTempFile("isola-warm-up", "");
    try {
      Files.write(kernel, kernel());
      int status = ExitStatus.OK;
      for (CpuEngine engine : surroundings.engines().get()) {
        if (engine.unavailable().or(engine::reluctance).isEmpty()) {
          for (String serial : List.of("stdio", "none")) {
            status = boot(kernel, engine.name(), serial) == SUCCESS ? status : ExitStatus.FAILED;
          }
        }
      }
      return status;
    } finally {
      Files.deleteIfExists(kernel);
    }
  }

  private int boot(Path kernel, String engine, String serial) {
    return new Isola(surroundings)
        .execute(
            all.debug ? "--debug" : "--yes",
            "boot",
            "--kernel=" + kernel,
            "--engine=" + engine,
            "--serial=" + serial,
            "--memory=32M",
            "--timeout=20s",
            "--stats=/dev/null",
            "--debug-exit");
  }

  /**
   * Loads all classes of machines and engines: the guest needs only some, and an engine that this
   * host does not have now may be there another day.
   */
  private static void loadMachines() throws IOException {
    for (ResolvedModule module : ModuleLayer.boot().configuration().modules()) {
      if (MACHINES.matcher(module.name()).matches()) {
        Module loaded = ModuleLayer.boot().findModule(module.name()).orElseThrow();
        try (ModuleReader reader = module.reference().open();
            Stream<String> files = reader.list()) {
          for (String file : files.filter(CLASS_FILE.asMatchPredicate()).toList()) {
            String name = file.substring(0, file.length() - ".class".length()).replace('/', '.');
            Class<?> _ = Class.forName(loaded, name);
          }
        }
      }
    }
  }

  /**
   * A multiboot image: adds up numbers, says "ok" on COM1, and ends through the debug exit port.
   */
  static byte[] kernel() {
    byte[] code = {
      (byte) 0xbc,
      0x00,
      0x10,
      0x10,
      0x00, // mov esp, 0x101000
      (byte) 0xb9,
      0x40,
      0x42,
      0x0f,
      0x00, // mov ecx, 1000000
      0x01,
      (byte) 0xc8, // again: add eax, ecx
      0x51, // push ecx
      0x59, // pop ecx
      (byte) 0xe2,
      (byte) 0xfa, // loop again
      0x66,
      (byte) 0xba,
      (byte) 0xf8,
      0x03, // mov dx, 0x3f8
      (byte) 0xb0,
      'o', // mov al, 'o'
      (byte) 0xee, // out dx, al
      (byte) 0xb0,
      'k', // mov al, 'k'
      (byte) 0xee, // out dx, al
      (byte) 0xb0,
      0x10, // mov al, 16
      (byte) 0xe6,
      (byte) 0xf4, // out 0xf4, al
      (byte) 0xf4, // hlt
    };
    int end = LOAD + HEADER + code.length;
    ByteBuffer image = ByteBuffer.allocate(HEADER + code.length).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(MAGIC).putInt(FLAGS).putInt(-(MAGIC + FLAGS));
    // header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; the stack is the bss.
    image.putInt(LOAD).putInt(LOAD).putInt(end).putInt(end + 0x1000).putInt(LOAD + HEADER);
    return image.put(code).array();
  }
}
