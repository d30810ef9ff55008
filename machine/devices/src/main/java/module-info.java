/** The hardware that a guest sees. */
module isola.machine.devices {
  requires static org.jspecify;
  requires isola.core;
}
