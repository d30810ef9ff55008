/**
 * The chipset's own PCI functions: host bridge and LPC bridge with its interrupt routing.
 *
 * <p>Threads: any. The LPC bridge's lock is held while it drives a line.
 */
@NullMarked
package isola.machine.devices.chipset;

import org.jspecify.annotations.NullMarked;
