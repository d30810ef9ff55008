/**
 * Model-specific registers that are not the processor core's: the paravirtual clock, and the router
 * that joins all of a processor's.
 *
 * <p>Threads: each vCPU's thread enters its own objects; nothing here takes a lock.
 */
@NullMarked
package isola.machine.devices.msr;

import org.jspecify.annotations.NullMarked;
