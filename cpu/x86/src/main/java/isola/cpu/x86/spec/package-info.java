/** Numbers of the architecture, each with its source; no logic, any thread. */
@NullMarked
package isola.cpu.x86.spec;

import org.jspecify.annotations.NullMarked;
