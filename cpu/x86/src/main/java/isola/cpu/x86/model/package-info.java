/**
 * Processor models: what CPUID answers, as tables in code. Immutable values; any thread; no locks.
 */
@NullMarked
package isola.cpu.x86.model;

import org.jspecify.annotations.NullMarked;
