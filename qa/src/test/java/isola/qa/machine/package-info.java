/**
 * Tests with whole machines on every engine, whose guests are {@code src/test/resources/machine}.
 * Test threads only; no locks.
 */
@NullMarked
package isola.qa.machine;

import org.jspecify.annotations.NullMarked;
