/**
 * Files written so that a power cut or a full disk leaves the old state or the new one, never half
 * of it. Stateless; any thread may use it.
 */
@NullMarked
package isola.image.disk;

import org.jspecify.annotations.NullMarked;
