/**
 * The host's side of the guest agent's protocol (docs/guest-agent.md): the request as text, and the
 * guest's events read. Values and pure functions; any thread may use them.
 */
@NullMarked
package isola.image.guest;

import org.jspecify.annotations.NullMarked;
