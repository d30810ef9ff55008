/**
 * What all devices have in common: reset, and volatile state that can be saved and restored.
 *
 * <p>Threads: reset, save and restore are called with all vCPUs of the machine stopped.
 */
@NullMarked
package isola.core.device;

import org.jspecify.annotations.NullMarked;
