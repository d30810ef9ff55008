/**
 * Where things are in the machine: guest physical addresses, ports and interrupt numbers, and the
 * map of memory that firmware and boot loaders hand to the guest.
 *
 * <p>Constants and values; any thread. No locks.
 */
@NullMarked
package isola.machine.board.layout;

import org.jspecify.annotations.NullMarked;
