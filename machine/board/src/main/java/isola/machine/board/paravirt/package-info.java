/**
 * What a guest sees that knows it is virtual: KVM's paravirtual clock.
 *
 * <p>Entered by the thread of the vCPU that an object belongs to. No locks.
 */
@NullMarked
package isola.machine.board.paravirt;

import org.jspecify.annotations.NullMarked;
