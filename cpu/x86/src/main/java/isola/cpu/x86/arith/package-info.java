/**
 * Arithmetic without a processor: flags, floating point of both kinds, packed integers, ciphers.
 * Pure functions from any thread, and units with scratch memory that belong to one processor. No
 * locks.
 */
@NullMarked
package isola.cpu.x86.arith;

import org.jspecify.annotations.NullMarked;
