/** The {@code isola} command. */
module isola.cli {
  requires static transitive org.jspecify;
  requires com.fasterxml.jackson.core;
  requires info.picocli;
  requires isola.core;
  requires isola.host;
  requires isola.image;
  requires isola.machine.board;
  // Signals of this process.
  requires jdk.unsupported;
}
