/**
 * Guest code on the host's own processor: typed handles for what {@code /dev/kvm} offers (system,
 * machine, processor), and on them the engine {@code kvm}. Local APICs, time-stamp counters and the
 * paravirtual clock are the kernel's; all other devices are the board's.
 *
 * <p>Threads: a processor's owner runs it and touches its state. Interrupt messages and kicks come
 * from any thread. One thread of a machine's own passes doorbells to devices. Lock order: a bus's,
 * then the machine's; none is held while a guest runs.
 */
@NullMarked
package isola.cpu.kvm;

import org.jspecify.annotations.NullMarked;
