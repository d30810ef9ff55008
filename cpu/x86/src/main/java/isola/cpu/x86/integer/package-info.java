/**
 * Integer, branch, string and port instructions: static semantics over {@link
 * isola.cpu.x86.cpu.Cpu}, shared by every engine. Entered by the vCPU's owner thread alone; no
 * locks. A {@link isola.cpu.x86.cpu.Fault} leaves registers and flags as they were, but for the
 * progress of repeated string instructions.
 */
@NullMarked
package isola.cpu.x86.integer;

import org.jspecify.annotations.NullMarked;
