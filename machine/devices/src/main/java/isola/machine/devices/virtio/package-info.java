/**
 * Virtio 1.x devices over PCI: queues, transport, block, console, entropy.
 *
 * <p>Threads: registers are touched by any vCPU thread, notifications are worked off on the
 * executor that the device was given, host-side methods come from any thread. Lock order: a
 * device's own lock, then the transport's; neither is held while an interrupt is sent by a queue's
 * owner to a controller that takes its own lock.
 */
@NullMarked
package isola.machine.devices.virtio;

import org.jspecify.annotations.NullMarked;
