/**
 * What stands behind a device on the host's side: blocks, byte streams, entropy. Devices talk to
 * these interfaces; the board joins them to the host.
 *
 * <p>Threads: stated per interface.
 */
@NullMarked
package isola.core.backend;

import org.jspecify.annotations.NullMarked;
