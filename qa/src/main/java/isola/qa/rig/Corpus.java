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
  private static final int SECONDS = 60;
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

  static boolean run(Path folder, String name) throws IOException {
    boolean fine = true;
    for (GuestProgram program : programs(folder)) {
      // First the name: should the engine hang, the report says where.
      RigMain.say("  %s on %s ...".formatted(program.name(), name));
      try (BareMachine machine = new BareMachine(engine(name), CpuModel.v2(), program.rom())) {
        fine &= verdict(program.difference(machine, machine.run(SECONDS)), "");
      }
    }
    return fine;
  }

  static boolean relay(Path folder, List<String> names) throws IOException {
    List<CpuEngine> engines = names.stream().map(Corpus::engine).toList();
    Random random = new Random(7);
    boolean fine = true;
    for (GuestProgram program : programs(folder)) {
      if (program.name().equals("paging32")) {
        // It changes page directory pointers in memory behind the processor's own copy of them,
        // which has no place in the state.
        continue;
      }
      RigMain.say("  %s by turns on %s ...".formatted(program.name(), String.join(", ", names)));
      Relay.Result result =
          new Relay(engines, random, LONGEST_TURN_NANOS).run(program, CpuModel.v2(), SECONDS);
      fine &= verdict(result.difference(), ", %d moves".formatted(result.moves()));
    }
    return fine;
  }

  private static boolean verdict(String difference, String more) {
    RigMain.say(
        difference.isEmpty() ? "    as it promises" + more : "    NOT: " + difference + more);
    return difference.isEmpty();
  }
}
