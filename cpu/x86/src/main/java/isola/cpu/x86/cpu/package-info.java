/**
 * What instruction semantics work on: registers, faults, segmentation and paging of one processor.
 * Entered by the vCPU's owner thread alone, except where a method says otherwise. No locks.
 */
@NullMarked
package isola.cpu.x86.cpu;

import org.jspecify.annotations.NullMarked;
