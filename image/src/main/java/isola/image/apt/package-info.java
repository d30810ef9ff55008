/**
 * What this machine's apt is configured for: its sources (sources.list(5), both styles), its proxy
 * and its checks (apt.conf(5)). Only read, never written, and never by running a program. Values
 * and pure functions; any thread may use them.
 */
@NullMarked
package isola.image.apt;

import org.jspecify.annotations.NullMarked;
