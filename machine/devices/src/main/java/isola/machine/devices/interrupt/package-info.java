/**
 * Interrupt controllers: the pair of 8259As, the I/O APIC, and each processor's local APIC with the
 * bus between them.
 *
 * <p>Threads: wires and messages arrive on any thread; a local APIC's registers and its
 * acknowledgement belong to its processor's thread, though nothing breaks if others come. Lock
 * order, outermost first: {@code Pic} or {@code IoApic}, then {@code LocalApic}, which is the
 * innermost of the machine: it calls nothing but processor signals, and those, like everything that
 * {@code ApicBus} does, with no lock held. A local APIC enters {@code Pic} (acknowledge) and {@code
 * IoApic} (end of interrupt) with no lock of its own held.
 */
@NullMarked
package isola.machine.devices.interrupt;

import org.jspecify.annotations.NullMarked;
