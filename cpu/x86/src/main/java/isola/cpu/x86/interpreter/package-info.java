/**
 * The reference engine: decoded blocks, cached and chained, and the loop that executes them.
 *
 * <p>Threads: a vCPU's owner thread runs it and alone touches its blocks and state; signals and
 * notices of written code come from any thread and only leave a mark. Lock order: the machine's
 * standstill (Standstill) before the register of code pages (CodePages); neither is held while
 * guest code runs or a device is called.
 */
@NullMarked
package isola.cpu.x86.interpreter;

import org.jspecify.annotations.NullMarked;
