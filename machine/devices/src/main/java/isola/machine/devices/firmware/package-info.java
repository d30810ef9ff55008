/**
 * What a machine tells its firmware, and test programs that look where firmware does.
 *
 * <p>Threads: any vCPU thread; the device takes its own lock and calls nobody.
 */
@NullMarked
package isola.machine.devices.firmware;

import org.jspecify.annotations.NullMarked;
