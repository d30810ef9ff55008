/**
 * The hardware that a guest sees: chipset, PCI, virtio, disks, display, keyboard and mouse.
 *
 * <p>A device knows its own registers, an interrupt line, a clock and a backend, and nothing of the
 * board or\n * the host. A vCPU thread enters through the bus; a backend thread enters through the
 * backend interface.
 */
@NullMarked
package isola.machine.devices;

import org.jspecify.annotations.NullMarked;
