/**
 * The words every part of Isola shares: guest memory, buses, interrupt lines, clocks, virtual
 * processors, backends.
 */
module isola.core {
  requires static transitive org.jspecify;

  exports isola.core.backend;
  exports isola.core.bus;
  exports isola.core.cpu;
  exports isola.core.device;
  exports isola.core.irq;
  exports isola.core.memory;
  exports isola.core.time;

  uses isola.core.cpu.CpuEngine;
  uses isola.core.memory.HostMemory;
}
