/** Puts a machine together and runs it. */
module isola.machine.board {
  requires static transitive org.jspecify;
  requires com.fasterxml.jackson.core;
  requires transitive isola.core;
  requires isola.cpu.x86;
  requires isola.host;
  requires isola.machine.devices;

  exports isola.machine.board;
  exports isola.machine.board.boot;
  exports isola.machine.board.layout;

  uses isola.core.cpu.CpuEngine;
}
