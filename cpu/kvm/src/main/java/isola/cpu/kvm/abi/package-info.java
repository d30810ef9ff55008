/**
 * The kernel's structures, one class each: offsets of their members in bytes, by the names that the
 * C headers give them. A member of a member is in a class of its own, its offset that in the whole
 * structure. A test compares every number with what a C compiler says. Constants alone; no threads.
 */
@NullMarked
package isola.cpu.kvm.abi;

import org.jspecify.annotations.NullMarked;
