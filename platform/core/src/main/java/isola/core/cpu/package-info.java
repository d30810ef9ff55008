/**
 * Virtual processors, driven as KVM drives them: {@code run()} until an exit, handle the exit, run
 * again. Three engines stand behind these interfaces and are found with {@link
 * java.util.ServiceLoader}.
 *
 * <p>Threads: each vCPU has one owner thread which alone calls {@code run()} and touches its state;
 * signals (kick, interrupt, NMI, INIT, start-up) come from any thread.
 */
@NullMarked
package isola.core.cpu;

import org.jspecify.annotations.NullMarked;
