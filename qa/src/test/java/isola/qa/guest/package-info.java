/**
 * Tests with guest programs in assembly, run on every engine: {@code src/test/resources/guest}.
 * Test threads only; no locks.
 */
@NullMarked
package isola.qa.guest;

import org.jspecify.annotations.NullMarked;
