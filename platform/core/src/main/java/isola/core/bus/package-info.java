/**
 * Port and memory-mapped buses: a device registers a range and answers at local offsets.
 *
 * <p>Threads: accesses come from any vCPU thread at once and take no lock here; a device that needs
 * one takes its own. Ranges are attached and detached by any thread; an access under way may still
 * reach a device that was just detached.
 */
@NullMarked
package isola.core.bus;

import org.jspecify.annotations.NullMarked;
