/**
 * Makes images and keeps them in a directory of the user's. Everything in it is written under a
 * temporary name and renamed when whole, so that whatever interrupts leaves no half of anything.
 *
 * <p>An {@link isola.image.store.ImageStore} may be used by any thread. What changes the store
 * holds its lock, a lock on a file, against other threads and other processes alike; it is the only
 * lock. What only reads takes none.
 */
@NullMarked
package isola.image.store;

import org.jspecify.annotations.NullMarked;
