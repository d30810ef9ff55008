/**
 * The one layout of a processor's state in off-heap memory, shared by all engines, save and
 * restore, and the debugger. No locks.
 */
@NullMarked
package isola.cpu.x86.state;

import org.jspecify.annotations.NullMarked;
