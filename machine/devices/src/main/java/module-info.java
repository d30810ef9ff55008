/** The hardware that a guest sees. */
module isola.machine.devices {
  requires static transitive org.jspecify;
  requires transitive isola.core;

  exports isola.machine.devices.pci;
  exports isola.machine.devices.virtio;
}
