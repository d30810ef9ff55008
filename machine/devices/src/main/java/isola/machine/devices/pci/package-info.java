/**
 * PCI: functions with their configuration space, BARs and MSI-X, the bus that finds them, and the
 * firmware's part of giving them addresses.
 *
 * <p>Threads: configuration accesses come from any vCPU thread, {@link
 * isola.machine.devices.pci.PciFunction#interrupt} and {@link
 * isola.machine.devices.pci.MsixTable#raise} from any thread. Each class takes its own lock. Lock
 * order, outermost first: a device's own lock, {@code PciFunction}, {@code MsixTable}, {@code
 * BarSpace}, {@code PciInterrupts}, then whatever stands behind an interrupt line or {@code
 * MessageInterrupts} (which never call back). The contents of a BAR are entered with none of these
 * locks held; a capability's hooks are entered with none held either.
 */
@NullMarked
package isola.machine.devices.pci;

import org.jspecify.annotations.NullMarked;
