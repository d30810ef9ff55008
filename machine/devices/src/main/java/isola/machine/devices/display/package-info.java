/**
 * What the guest draws with.
 *
 * <p>Threads: any vCPU's, under the device's own lock. Innermost.
 */
@NullMarked
package isola.machine.devices.display;

import org.jspecify.annotations.NullMarked;
