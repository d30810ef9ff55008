/**
 * The translator: runs of guest instructions become host machine code, x86-64 to x86-64, and what
 * is not covered is handed to the interpreter one instruction at a time.
 *
 * <p>Each vCPU has its own code and is entered by its owner thread alone, except for the observer
 * of guest memory, which any thread calls and which only leaves word. No locks.
 */
@NullMarked
package isola.cpu.translator;

import org.jspecify.annotations.NullMarked;
