/**
 * Benchmarks of whole guests, named by cost centre; run by {@code ./dev bench [WORKLOAD...]} alone.
 * Single-threaded; the guest's serial output arrives on a thread of the machine.
 */
@NullMarked
package isola.qa.bench;

import org.jspecify.annotations.NullMarked;
