/**
 * Guest programs, engine against engine, the silicon as oracle, benchmarks and fuzzing.
 *
 * <p>Nothing depends on it. Each main class here is run by {@code ./dev}.
 */
@NullMarked
package isola.qa;

import org.jspecify.annotations.NullMarked;
