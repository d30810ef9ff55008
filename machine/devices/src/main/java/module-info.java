/** The hardware that a guest sees. */
module isola.machine.devices {
  requires static transitive org.jspecify;
  requires transitive isola.core;

  exports isola.machine.devices.chipset;
  exports isola.machine.devices.debug;
  exports isola.machine.devices.display;
  exports isola.machine.devices.firmware;
  exports isola.machine.devices.input;
  exports isola.machine.devices.interrupt;
  exports isola.machine.devices.msr;
  exports isola.machine.devices.pci;
  exports isola.machine.devices.power;
  exports isola.machine.devices.serial;
  exports isola.machine.devices.timer;
  exports isola.machine.devices.virtio;
}
