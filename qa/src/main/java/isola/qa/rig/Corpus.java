package isola.qa.rig;

import isola.core.cpu.CpuEngine;
import isola.cpu.x86.model.CpuModel;
import isola.qa.guest.BareMachine;
import isola.qa.guest.GuestProgram;
import isola.qa.guest.Relay;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** The guest assembly programs, assembled beforehand, on one engine or by turns on several. */
final class Corpus {
  private static final int SECONDS = 120;
  private static final long LONGEST_TURN_NANOS = 4_000_000;

  private Corpus() {}

  private static CpuEngine engine(String name) {
    for (CpuEngine engine : ServiceLoader.load(CpuEngine.class)) {
      if (engine.name().equals(name)) {
        return engine;
      }
    }
    throw new IllegalArgumentException("there is no engine " + name);
  }

  private static List<GuestProgram> programs(Path folder) throws IOException {
    List<GuestProgram> programs = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path source : files.filter(f -> f.toString().endsWith(".S")).sorted().toList()) {
        Path image = Path.of(source.toString().replaceFirst("S$", "bin"));
        programs.add(GuestProgram.read(source, image));
      }
    }
    if (programs.isEmpty()) {
      throw new IOException("there are no programs in " + folder);
    }
    return programs;
  }

  /**
   * Runs each program. The rig's processor is itself emulated, and not in everything as the manuals
   * say: where it falls short of a program's promise without any virtualization, a file beside the
   * program says what it tells there, and the engine must come to the same.
   */
  static boolean run(Path folder, String name) throws IOException {
    boolean fine = true;
    for (GuestProgram program : programs(folder)) {
      // First the name: should the engine hang, the report says where.
      RigMain.say("  %s on %s ...".formatted(program.name(), name));
      try (BareMachine machine = new BareMachine(engine(name), CpuModel.v2(), program.rom())) {
        BareMachine.End end = machine.run(SECONDS);
        String difference = program.difference(machine, end);
        String bare = note(folder, program.name() + ".bare");
        String known = note(folder, program.name() + ".known");
        String told = end + " " + machine.exitValue();
        if (difference.isEmpty() || !told.equals(bare)) {
          boolean expected = !difference.isEmpty() && known.startsWith(told);
          fine &= expected || difference.isEmpty();
          RigMain.say(
              difference.isEmpty()
                  ? "    as it promises"
                  : expected
                      ? "    known: " + known
                      : "    NOT: %s (without virtualization: %s)".formatted(difference, bare));
        } else {
          RigMain.say(
              "    as without virtualization: the processor fails the check of line "
                  + machine.exitValue());
        }
      }
    }
    return fine;
  }

  private static String note(Path folder, String file) throws IOException {
    Path path = folder.resolve(file);
    return Files.exists(path) ? Files.readString(path).strip() : "";
  }

  static boolean relay(Path folder, List<String> names) throws IOException {
    List<CpuEngine> engines = names.stream().map(Corpus::engine).toList();
    Random random = new Random(7);
    boolean fine = true;
    for (GuestProgram program : programs(folder)) {
      if (!program.name().equals("relay")) {
        // The others find fault with the emulated processor.
        continue;
      }
      RigMain.say("  %s by turns on %s ...".formatted(program.name(), String.join(", ", names)));
      Relay.Result result =
          new Relay(engines, random, LONGEST_TURN_NANOS).run(program, CpuModel.v2(), SECONDS);
      fine &= result.difference().isEmpty();
      RigMain.say(
          "    %s, %d moves"
              .formatted(
                  result.difference().isEmpty() ? "as it promises" : "NOT: " + result.difference(),
                  result.moves()));
    }
    return fine;
  }
}
