/**
 * What a guest is made from, as its users see it: the name of an image, its record, the progress of
 * making it, and the one kind of error that doing so can end with. {@code isola.image.store} does
 * the work.
 *
 * <p>Everything here is a value or an interface and may be used from any thread; there are no
 * locks.
 */
@NullMarked
package isola.image;

import org.jspecify.annotations.NullMarked;
