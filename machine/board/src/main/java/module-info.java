/** Puts a machine together and runs it. */
module isola.machine.board {
  requires static transitive org.jspecify;
  requires isola.core;
  requires isola.cpu.x86;
  requires isola.host;
  requires isola.machine.devices;
}
