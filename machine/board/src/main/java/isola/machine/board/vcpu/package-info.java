/**
 * Runs virtual processors: one platform thread each, the loop over exits that is the same for every
 * engine, idling, pausing and stopping.
 *
 * <p>Threads: each vCPU is entered by its own thread alone; control methods may be called by any
 * thread. {@code Vcpus} has one lock, which is never held while a guest runs or a device is called.
 */
@NullMarked
package isola.machine.board.vcpu;

import org.jspecify.annotations.NullMarked;
