package dev.fettle.checkpoint.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.function.Consumer;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/// How often something is tried again, and after which wait: 1, 2, 4, 8 seconds, or what the server
/// asks for.
final class Attempts {
  static final int MOST = 5;

  /// A server that is not there will hardly appear.
  private static final int MOST_WITHOUT_CONNECTION = 2;

  private static final Duration FIRST_WAIT = Duration.ofSeconds(1);
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(5);

  private final Pause pause;
  private final Consumer<String> note;
  private int failures;
  private long furthest;

  /// @param note is told why it is tried again
  Attempts(Pause pause, Consumer<String> note) {
    this.pause = pause;
    this.note = note;
  }

  /// A download is that far. Further than ever by a step, the next failure is the first one again;
  /// to get again what was lost is no progress, or a server that always sends the first half would
  /// be asked for ever.
  ///
  /// @param step at least 1
  void reached(long size, long step) {
    if (size - furthest >= step) {
      furthest = size;
      failures = 0;
    }
  }

  /// The download begins once more, as if nothing had been tried.
  void startOver() {
    furthest = 0;
    failures = 0;
  }

  /// Returns when it is time for the next attempt.
  ///
  /// @throws UncheckedIOException if there have been enough, or the server asks to wait too long
  void failed(String what, Throwable failure) {
    String reason = reason(failure);
    failures++;
    if (failure instanceof SSLHandshakeException) {
      throw gaveUp(
          "%s: no encrypted connection (%s); if a proxy has a certificate of its own, name it with"
                  .formatted(what, reason)
              + " FETTLE_JAVA_OPTS=-Djavax.net.ssl.trustStore=FILE.",
          failure);
    }
    if (failure instanceof ConnectException && failures >= MOST_WITHOUT_CONNECTION) {
      throw gaveUp(
          "%s: %s; check the network, HF_ENDPOINT and HTTPS_PROXY, and run it again: what is here already is kept."
              .formatted(what, reason),
          failure);
    }
    if (failures >= MOST) {
      throw gaveUp(
          "%s: %s, %d times in a row; run it again later, what is here already is kept."
              .formatted(what, reason, failures),
          failure);
    }
    Duration wait =
        failure instanceof Busy busy && busy.wait != null
            ? busy.wait
            : FIRST_WAIT.multipliedBy(1L << (failures - 1));
    if (wait.compareTo(LONGEST_WAIT) > 0) {
      throw gaveUp(
          "%s: %s and asks to wait %d minutes; run it again then, what is here already is kept."
              .formatted(what, reason, wait.toMinutes()),
          failure);
    }
    note.accept("%s: %s; trying again in %d s".formatted(what, reason, wait.toSeconds()));
    pause.sleep(wait);
  }

  private static UncheckedIOException gaveUp(String sentence, Throwable failure) {
    return new UncheckedIOException(new IOException(sentence, failure));
  }

  private static String reason(Throwable failure) {
    String message = failure.getMessage();
    return switch (failure) {
      case HttpConnectTimeoutException _ -> "no connection in time";
      case HttpTimeoutException _ -> "no answer in time";
      case ConnectException _ -> "cannot connect" + (message == null ? "" : " (" + message + ")");
      default -> message == null ? failure.getClass().getSimpleName() : message;
    };
  }

  /// The server says that it cannot answer now.
  static final class Busy extends IOException {
    private static final long serialVersionUID = 1L;
    private final transient @Nullable Duration wait;

    Busy(String message, @Nullable Duration wait) {
      super(message);
      this.wait = wait;
    }
  }
}
