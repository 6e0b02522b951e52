package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What the environment says about the hub, with the names, the precedence and the defaults of
/// `huggingface_hub` (its `constants.py`). This is the one place that reads these variables.
///
/// @param endpoint scheme, host, port and maybe a path, without a slash at the end
/// @param token the access token, or null; never part of [#toString]
/// @param cache the folder with `models--…`, such as `~/.cache/huggingface/hub`
/// @param offline no request may be made
/// @param symlinks whether snapshots may point to blobs with symbolic links
/// @param timeout how long a server may be silent
/// @param proxy which proxies to use
public record HubEnvironment(
    URI endpoint,
    @Nullable String token,
    Path cache,
    boolean offline,
    boolean symlinks,
    Duration timeout,
    HubProxy proxy) {
  private static final String DEFAULT_ENDPOINT = "https://huggingface.co";
  private static final int DEFAULT_TIMEOUT_SECONDS = 10;
  private static final Set<String> YES = Set.of("1", "ON", "YES", "TRUE");
  private static final Pattern VARIABLE = Pattern.compile("\\$(\\w+|\\{[^}]*\\})");

  /// Variables by name; null where one is not set.
  @FunctionalInterface
  public interface Variables {
    @Nullable String get(String name);
  }

  /// The environment of this process.
  ///
  /// @throws UserException if a variable has a value that cannot be meant
  public static HubEnvironment ofProcess() {
    return of(System::getenv, Path.of(System.getProperty("user.home", "")));
  }

  /// @param home the user's own folder
  /// @throws UserException if a variable has a value that cannot be meant
  public static HubEnvironment of(Variables variables, Path home) {
    UnaryOperator<String> expand = text -> expand(text, variables, home);
    String caches = first(variables, home.resolve(".cache").toString(), "XDG_CACHE_HOME");
    Path hfHome =
        path("HF_HOME", expand.apply(first(variables, caches + "/huggingface", "HF_HOME")));
    String hub = hfHome.resolve("hub").toString();
    Path cache =
        path(
            "HF_HUB_CACHE",
            expand.apply(first(variables, hub, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")));
    String tokenFile = first(variables, hfHome.resolve("token").toString(), "HF_TOKEN_PATH");
    return new HubEnvironment(
        endpoint(first(variables, DEFAULT_ENDPOINT, "HF_ENDPOINT")),
        token(variables, path("HF_TOKEN_PATH", expand.apply(tokenFile))),
        cache,
        isYes(first(variables, "", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
        !isYes(first(variables, "", "HF_HUB_DISABLE_SYMLINKS")),
        timeout(first(variables, "", "HF_HUB_DOWNLOAD_TIMEOUT")),
        HubProxy.of(variables));
  }

  public HubEnvironment withToken(@Nullable String value) {
    return new HubEnvironment(
        endpoint, checkedToken(value, "--token"), cache, offline, symlinks, timeout, proxy);
  }

  public HubEnvironment withCache(Path value) {
    return new HubEnvironment(endpoint, token, value, offline, symlinks, timeout, proxy);
  }

  /// Without the token.
  @Override
  public String toString() {
    return "HubEnvironment[endpoint=%s, token=%s, cache=%s, offline=%s]"
        .formatted(endpoint, token == null ? "none" : "set", cache, offline);
  }

  private static String first(Variables variables, String otherwise, String... names) {
    for (String name : names) {
      String value = variables.get(name);
      if (value != null && !value.isEmpty()) {
        return value;
      }
    }
    return otherwise;
  }

  private static boolean isYes(String value) {
    return YES.contains(value.toUpperCase(Locale.ROOT));
  }

  /// `~`, `$NAME` and `${NAME}` as Python's `expanduser` and `expandvars` do it: unknown ones stay.
  private static String expand(String text, Variables variables, Path home) {
    String own =
        text.equals("~") || text.startsWith("~/") ? home.toString() + text.substring(1) : text;
    return VARIABLE
        .matcher(own)
        .replaceAll(match -> {
          String name = match.group(1).replaceAll("[{}]", "");
          String value = variables.get(name);
          return Matcher.quoteReplacement(value == null ? match.group() : value);
        });
  }

  private static Path path(String variable, String text) {
    try {
      return Path.of(text).toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      throw new UserException(
          "%s is '%s', which is no path: %s.".formatted(variable, text, e.getReason()), e);
    }
  }

  private static URI endpoint(String text) {
    String bare = text.strip();
    while (bare.endsWith("/")) {
      bare = bare.substring(0, bare.length() - 1);
    }
    try {
      URI uri = new URI(bare);
      String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
      boolean http = scheme.equals("https") || scheme.equals("http");
      boolean plain =
          uri.getUserInfo() == null && uri.getQuery() == null && uri.getFragment() == null;
      if (http && uri.getHost() != null && plain) {
        return uri;
      }
    } catch (URISyntaxException e) {
      throw new UserException(notAnEndpoint(e.getReason()), e);
    }
    throw new UserException(notAnEndpoint("scheme, host and port only"));
  }

  /// The value is not repeated: it may hold a password.
  private static String notAnEndpoint(String why) {
    return "HF_ENDPOINT is no address such as https://huggingface.co (" + why + ").";
  }

  private static @Nullable String token(Variables variables, Path file) {
    String given = first(variables, "", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
    if (isYes(first(variables, "", "HF_HUB_DISABLE_IMPLICIT_TOKEN"))) {
      return null;
    }
    if (!given.isEmpty()) {
      return checkedToken(given, "HF_TOKEN");
    }
    if (!Files.isRegularFile(file)) {
      return null;
    }
    try {
      return checkedToken(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new UserException("Cannot read the access token in " + file + ".", e);
    }
  }

  /// Without the white space around it; null if nothing is left.
  ///
  /// @param where what holds it, for the message, which does not repeat it
  private static @Nullable String checkedToken(@Nullable String text, String where) {
    String bare = text == null ? "" : text.replace("\r", "").replace("\n", "").strip();
    if (bare.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      throw new UserException(
          where + " holds no access token: it has a character that no token has.");
    }
    return bare.isEmpty() ? null : bare;
  }

  private static Duration timeout(String text) {
    if (text.isEmpty()) {
      return Duration.ofSeconds(DEFAULT_TIMEOUT_SECONDS);
    }
    if (!text.matches("[0-9]{1,6}") || Integer.parseInt(text) == 0) {
      throw new UserException(
          "HF_HUB_DOWNLOAD_TIMEOUT is '" + text + "', which is no number of seconds.");
    }
    return Duration.ofSeconds(Integer.parseInt(text));
  }
}
