/**
 * How kernels are started: recognises an image by its content, places it, its ramdisk and its
 * parameters in guest memory, and says in which state the first processor begins.
 *
 * <p>Entered by the thread that builds or restarts a machine, while no vCPU runs. No locks.
 */
@NullMarked
package isola.machine.board.boot;

import org.jspecify.annotations.NullMarked;
