/**
 * Fetches files from mirrors: bounded in size, checked against a hash, resumed where a mirror dies
 * in the middle, tried again a few times and then given up with one sentence. A {@link
 * isola.image.fetch.Fetcher} may be used by several threads at once; it has no locks.
 */
@NullMarked
package isola.image.fetch;

import org.jspecify.annotations.NullMarked;
