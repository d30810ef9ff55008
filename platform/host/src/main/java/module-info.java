/**
 * The host operating system through the foreign-function API; the only module with native access.
 */
module isola.host {
  requires transitive isola.core;
  requires static transitive org.jspecify;

  exports isola.host;

  provides isola.core.memory.HostMemory with
      isola.host.MappedMemory;
}
