/** Two engines run the same machine side by side and must never differ. One thread, no locks. */
@NullMarked
package isola.qa.lockstep;

import org.jspecify.annotations.NullMarked;
