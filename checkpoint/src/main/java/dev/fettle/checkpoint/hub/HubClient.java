package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// Requests to a hub. Redirects are followed here and not by the JDK, so that the token goes to the
/// origin (scheme, host and port) of the endpoint alone, and encrypted stays encrypted.
final class HubClient implements AutoCloseable {
  private static final int MOST_REDIRECTS = 10;
  private static final int MOST_TEXT = 16 << 20;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final Set<Integer> TEMPORARY = Set.of(408, 429, 500, 502, 503, 504);
  private static final long LOOK_MILLIS = 100;
  private static final Duration LONGEST_WAIT = Duration.ofDays(1);

  private final HubEnvironment environment;
  private final HttpClient http;
  private final Watchdog watchdog;
  private final String agent;

  /// @param agent for the header `User-Agent`, such as `fettle/1.0`
  /// @param stop throws when the work is to end
  HubClient(HubEnvironment environment, String agent, Runnable stop) {
    this.environment = environment;
    this.agent = agent;
    watchdog = new Watchdog(environment.timeout(), stop);
    http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(environment.timeout())
            .proxy(environment.proxy().selector())
            .build();
  }

  /// The address of a path on the hub.
  ///
  /// @param path with its parts already encoded, starting with a slash
  URI uri(String path) {
    return URI.create(environment.endpoint() + path);
  }

  /// Percent-encodes everything but unreserved characters, as addresses of the hub are written.
  static String encode(String text, boolean keepSlashes) {
    StringBuilder encoded = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      boolean plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (plain || "-._~".indexOf(c) >= 0 || (keepSlashes && c == '/')) {
        encoded.append(c);
      } else {
        encoded.append("%%%02X".formatted((int) c));
      }
    }
    return encoded.toString();
  }

  /// One request with its redirects. An answer that says "later" (429, 5xx) is an exception.
  ///
  /// @param stayOnHub to end at a redirect that leaves the hub, and to return that one
  /// @throws IOException if the connection fails or the server is busy: it may work a second later
  /// @throws UserException if a redirect is refused
  Reply send(String method, URI uri, Map<String, String> headers, boolean stayOnHub)
      throws IOException {
    URI at = uri;
    Reply.Linked linked = Reply.Linked.NOTHING;
    boolean onHub = isHub(uri);
    for (int i = 0; i <= MOST_REDIRECTS; i++) {
      HttpResponse<InputStream> response = exchange(method, at, headers, onHub);
      HttpHeaders got = response.headers();
      linked = onHub ? linked.and(got) : linked;
      Reply reply = new Reply(response.statusCode(), got, response.body(), at, linked, onHub);
      if (TEMPORARY.contains(reply.status())) {
        reply.close();
        throw new Attempts.Busy("the server answers " + reply.status(), retryAfter(reply));
      }
      if (!REDIRECTS.contains(reply.status())) {
        return reply;
      }
      URI next = target(at, reply.header("Location"));
      if (stayOnHub && !isHub(next)) {
        return reply;
      }
      reply.close();
      onHub &= isHub(next); // once away, the token stays home
      at = next;
    }
    throw new UserException(
        "%s redirects more than %d times; is HF_ENDPOINT right?".formatted(uri, MOST_REDIRECTS));
  }

  /// The body as text, at most [#MOST_TEXT] bytes.
  String text(Reply reply) throws IOException {
    try (Watchdog.Watch watch = watchdog.watch(reply.body())) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] buffer = new byte[1 << 16];
      for (int n = reply.body().read(buffer); n >= 0; n = reply.body().read(buffer)) {
        watch.progressed();
        bytes.write(buffer, 0, n);
        if (bytes.size() > MOST_TEXT) {
          throw new UserException(reply.uri() + " answers with more than a listing can hold.");
        }
      }
      return bytes.toString(StandardCharsets.UTF_8);
    } finally {
      watchdog.check();
    }
  }

  HubEnvironment environment() {
    return environment;
  }

  Watchdog watchdog() {
    return watchdog;
  }

  private HttpResponse<InputStream> exchange(
      String method, URI uri, Map<String, String> headers, boolean withToken) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, BodyPublishers.noBody())
            .timeout(environment.timeout())
            .header("User-Agent", agent)
            .header("Accept-Encoding", "identity");
    headers.forEach(request::header);
    @Nullable String token = environment.token();
    if (withToken && token != null) {
      request.header("Authorization", "Bearer " + token);
    }
    return await(http.sendAsync(request.build(), BodyHandlers.ofInputStream()));
  }

  /// Waits for the head of an answer, and looks meanwhile whether the work is to end.
  private HttpResponse<InputStream> await(CompletableFuture<HttpResponse<InputStream>> answer)
      throws IOException {
    try {
      while (true) {
        watchdog.check();
        try {
          return answer.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          // not yet
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException(String.valueOf(e.getCause()), e);
    } finally {
      boolean _ = answer.cancel(true); // nothing happens if it is here
    }
  }

  private URI target(URI from, String location) {
    URI target;
    try {
      target = from.resolve(Location.parse(location));
    } catch (IllegalArgumentException e) {
      throw new UserException(host(from) + " redirects to something that is no address.", e);
    }
    @Nullable String scheme = target.getScheme();
    boolean encrypted = "https".equalsIgnoreCase(scheme);
    if (!encrypted && !"http".equalsIgnoreCase(scheme)) {
      throw new UserException(
          "%s redirects to '%s:', which is refused.".formatted(host(from), scheme));
    }
    if (target.getHost() == null || target.getUserInfo() != null) {
      throw new UserException(host(from) + " redirects to an address without a plain host name.");
    }
    if (!encrypted && "https".equalsIgnoreCase(environment.endpoint().getScheme())) {
      throw new UserException(
          "%s redirects to plain http, which is refused because HF_ENDPOINT is encrypted."
              .formatted(host(from)));
    }
    return target;
  }

  private static String host(URI uri) {
    return uri.getScheme() + "://" + uri.getRawAuthority();
  }

  /// Whether an address has the origin of the endpoint.
  private boolean isHub(URI uri) {
    URI hub = environment.endpoint();
    return hub.getScheme().equalsIgnoreCase(uri.getScheme())
        && hub.getHost().equalsIgnoreCase(uri.getHost())
        && port(hub) == port(uri);
  }

  private static int port(URI uri) {
    int standard = "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
    return uri.getPort() < 0 ? standard : uri.getPort();
  }

  /// `Retry-After` in seconds or as a date.
  private static @Nullable Duration retryAfter(Reply reply) {
    String text = reply.header("Retry-After").strip();
    if (text.matches("[0-9]{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(text));
    }
    try {
      Instant then = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), then);
      return wait.isNegative() || wait.compareTo(LONGEST_WAIT) > 0 ? null : wait;
    } catch (DateTimeParseException e) {
      return null;
    }
  }

  @Override
  public void close() {
    watchdog.close();
    http.shutdownNow();
    http.close();
  }
}
