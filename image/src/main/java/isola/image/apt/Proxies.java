package isola.image.apt;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The proxy to use for an address: apt's own setting for the host or the scheme, and where apt has
 * none the environment's {@code http_proxy}, {@code https_proxy} and {@code no_proxy}.
 *
 * <p>Source: apt-transport-http(1), apt-transport-https(1).
 */
public final class Proxies extends ProxySelector {
  private final AptConfiguration configuration;
  private final Map<String, String> environment;

  /** Decides by these settings. */
  public Proxies(AptConfiguration configuration, Map<String, String> environment) {
    this.configuration = configuration;
    this.environment = environment;
  }

  @Override
  public List<Proxy> select(URI uri) {
    return List.of(choose(uri));
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException failure) {
    // The request fails with its own message.
  }

  private Proxy choose(URI uri) {
    String host = uri.getHost();
    String scheme = uri.getScheme();
    if (host == null || scheme == null) {
      return Proxy.NO_PROXY;
    }
    String setting = configuration.value("Acquire::" + scheme + "::Proxy::" + host);
    if (setting == null && scheme.equals("https")) {
      setting = configuration.value("Acquire::http::Proxy::" + host);
    }
    if (setting == null) {
      setting = configuration.value("Acquire::" + scheme + "::Proxy");
    }
    if (setting == null && scheme.equals("https")) {
      setting = configuration.value("Acquire::http::Proxy");
    }
    if (setting == null && !excepted(host)) {
      setting = environment.get(scheme.toLowerCase(Locale.ROOT) + "_proxy");
    }
    return proxy(setting);
  }

  private boolean excepted(String host) {
    for (String item : environment.getOrDefault("no_proxy", "").split("[,\\s]+", -1)) {
      String name = item.startsWith(".") ? item.substring(1) : item;
      if (item.equals("*")
          || (!name.isEmpty() && (host.equals(name) || host.endsWith("." + name)))) {
        return true;
      }
    }
    return false;
  }

  private static Proxy proxy(@Nullable String setting) {
    if (setting == null
        || setting.isBlank()
        || setting.equals("DIRECT")
        || setting.equals("false")) {
      return Proxy.NO_PROXY;
    }
    try {
      URI address = URI.create(setting.contains("://") ? setting : "http://" + setting);
      if (address.getHost() == null) {
        return Proxy.NO_PROXY;
      }
      int port = address.getPort() < 0 ? 80 : address.getPort();
      return new Proxy(
          Proxy.Type.HTTP, InetSocketAddress.createUnresolved(address.getHost(), port));
    } catch (IllegalArgumentException e) {
      return Proxy.NO_PROXY;
    }
  }
}
