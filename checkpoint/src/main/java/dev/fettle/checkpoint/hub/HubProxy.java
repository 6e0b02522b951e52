package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Proxies as the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name them, in
/// either case. Where none of them is set, those of the JVM (`-Dhttps.proxyHost`) hold.
///
/// @param https for addresses with `https`, or null
/// @param http for addresses with `http`, or null
/// @param direct hosts that are reached without a proxy; `*` is every host
public record HubProxy(
    @Nullable InetSocketAddress https, @Nullable InetSocketAddress http, List<String> direct) {
  private static final int DEFAULT_PORT = 80;

  static HubProxy of(HubEnvironment.Variables variables) {
    @Nullable InetSocketAddress all = address(variables, "ALL_PROXY");
    @Nullable InetSocketAddress https = address(variables, "HTTPS_PROXY");
    @Nullable InetSocketAddress http = address(variables, "HTTP_PROXY");
    String none = either(variables, "NO_PROXY");
    return new HubProxy(
        https == null ? all : https,
        http == null ? all : http,
        Arrays.stream(none.split(",", -1))
            .map(host -> host.strip().toLowerCase(Locale.ROOT))
            .filter(host -> !host.isEmpty())
            .toList());
  }

  /// No variable is set.
  public static HubProxy none() {
    return new HubProxy(null, null, List.of());
  }

  ProxySelector selector() {
    return https == null && http == null ? ProxySelector.getDefault() : new Selector(this);
  }

  /// The proxy for an address, or null.
  @Nullable InetSocketAddress forUri(URI uri) {
    String host = uri.getHost() == null ? "" : uri.getHost().toLowerCase(Locale.ROOT);
    for (String pattern : direct) {
      String bare = pattern.startsWith(".") ? pattern.substring(1) : pattern;
      if (pattern.equals("*") || host.equals(bare) || host.endsWith("." + bare)) {
        return null;
      }
    }
    return "https".equalsIgnoreCase(uri.getScheme()) ? https : http;
  }

  private static @Nullable InetSocketAddress address(
      HubEnvironment.Variables variables, String name) {
    String text = either(variables, name);
    if (text.isEmpty()) {
      return null;
    }
    try {
      URI uri = new URI(text.contains("://") ? text : "http://" + text);
      boolean http = "http".equalsIgnoreCase(uri.getScheme());
      if (uri.getHost() != null && uri.getUserInfo() == null && http) {
        int port = uri.getPort() < 0 ? DEFAULT_PORT : uri.getPort();
        return InetSocketAddress.createUnresolved(uri.getHost(), port);
      }
    } catch (URISyntaxException e) {
      throw new UserException(wrong(name), e);
    }
    throw new UserException(wrong(name));
  }

  /// The value is not repeated: it may hold a password.
  private static String wrong(String name) {
    return name + " is no proxy such as http://proxy:3128 (without user and password).";
  }

  private static String either(HubEnvironment.Variables variables, String name) {
    String lower = variables.get(name.toLowerCase(Locale.ROOT));
    String upper = variables.get(name);
    return lower != null && !lower.isEmpty() ? lower : upper == null ? "" : upper;
  }

  private static final class Selector extends ProxySelector {
    private final HubProxy proxy;

    Selector(HubProxy proxy) {
      this.proxy = proxy;
    }

    @Override
    public List<Proxy> select(URI uri) {
      @Nullable InetSocketAddress address = proxy.forUri(uri);
      return List.of(
          address == null
              ? Proxy.NO_PROXY
              : new Proxy(
                  Proxy.Type.HTTP,
                  new InetSocketAddress(address.getHostString(), address.getPort())));
    }

    @Override
    public void connectFailed(URI uri, SocketAddress address, IOException failure) {
      // the request fails with the same exception
    }
  }
}
