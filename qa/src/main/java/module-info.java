/** Tests and benchmarks over all modules; nothing depends on it. */
module isola.qa {
  requires static transitive org.jspecify;
  requires isola.cli;
  requires isola.core;
  requires isola.cpu.x86;
  requires isola.host;
  requires isola.image;
  requires isola.machine.board;
  requires isola.machine.devices;

  uses isola.core.cpu.CpuEngine;
}
