/**
 * Talks to the agent inside a guest: sends it a command to run, hears how it ended, passes signals
 * on. docs/guest-agent.md describes the protocol. What the agent says is hostile input.
 *
 * <p>Threads: the device's threads bring what the guest says; any thread may send; one thread of
 * the session's own waits for room in the guest. No lock is held across a call to the outside.
 */
@NullMarked
package isola.cli.guest;

import org.jspecify.annotations.NullMarked;
