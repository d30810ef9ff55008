/**
 * What a guest is made from, as its users see it: the name of an image, its record, the progress of making it, and the one
 * kind of error that doing so can end with. {@code isola.image.store} does the work.
 *
<<<<<<< HEAD
 * <p>Everything here is a value or an interface and may be used from any thread; there are no locks.
=======
 * <p>Every input is hostile. The thread that asked for an image does the work; the cache is shared
 * between\n * processes and guarded by a file lock.
>>>>>>> main
 */
@NullMarked
package isola.image;

import org.jspecify.annotations.NullMarked;
