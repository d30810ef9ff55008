/**
 * The MMX and SSE instructions, AES and carry-less multiplication among them. Entered by the vCPU's
 * owner thread alone; all state is the processor's. Upper halves of YMM registers are never
 * touched. No locks.
 */
@NullMarked
package isola.cpu.x86.simd;

import org.jspecify.annotations.NullMarked;
