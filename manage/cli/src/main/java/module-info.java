/** The {@code isola} command. */
module isola.cli {
  requires static transitive org.jspecify;
  requires info.picocli;
  requires isola.core;
  requires isola.image;
  requires isola.machine.board;

  opens isola.cli to
      info.picocli;
}
