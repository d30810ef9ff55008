/**
 * Guest memory: off-heap slots, checked access by guest physical address, and the one door to raw
 * host memory.
 *
 * <p>Threads: every vCPU thread and every device thread reads and writes guest memory at once;
 * slots are added and removed by the thread that builds the machine, and readers see the change at
 * their next access. No locks are held while guest memory is touched.
 */
@NullMarked
package isola.core.memory;

import org.jspecify.annotations.NullMarked;
