/** The engines side by side over whole guests. One thread, no locks. */
@NullMarked
package isola.qa.lockstep;

import org.jspecify.annotations.NullMarked;
