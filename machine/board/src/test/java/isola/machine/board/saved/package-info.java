/** Test threads only; no locks. */
@NullMarked
package isola.machine.board.saved;

import org.jspecify.annotations.NullMarked;
