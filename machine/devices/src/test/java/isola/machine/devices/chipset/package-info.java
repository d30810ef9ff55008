/** Tests; each runs on one thread unless it says otherwise. */
@NullMarked
package isola.machine.devices.chipset;

import org.jspecify.annotations.NullMarked;
