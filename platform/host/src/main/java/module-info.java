/** The host operating system through FFM; the only module with native access. */
module isola.host {
  requires static org.jspecify;
  requires isola.core;
}
