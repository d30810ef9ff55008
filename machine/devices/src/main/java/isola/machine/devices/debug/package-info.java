/**
 * Ports for tests and diagnosis: the POST code, the exit port and the test device that
 * kvm-unit-tests drives.
 *
 * <p>Threads: any vCPU thread; lines and callbacks are used with no lock held.
 */
@NullMarked
package isola.machine.devices.debug;

import org.jspecify.annotations.NullMarked;
