/** Tests of processor models. */
@NullMarked
package isola.cpu.x86.model;

import org.jspecify.annotations.NullMarked;
