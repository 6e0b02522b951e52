package dev.fettle.checkpoint.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The last answer of a chain of redirects.
///
/// @param linked what the hub itself said about the file on the way, see [Linked]
/// @param onHub whether it is from the hub, and not from where the hub sent us
record Reply(
    int status, HttpHeaders headers, InputStream body, URI uri, Linked linked, boolean onHub)
    implements AutoCloseable {
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (?:(\\d{1,18})-(\\d{1,18})|\\*)/(\\d{1,18}|\\*)");

  /// Headers that describe the file wherever its bytes come from.
  ///
  /// @param commit `X-Repo-Commit`
  /// @param etag `X-Linked-Etag`
  /// @param size `X-Linked-Size`, or -1
  record Linked(@Nullable String commit, @Nullable String etag, long size) {
    static final Linked NOTHING = new Linked(null, null, RepoFile.UNKNOWN);

    /// What a further answer of the hub says counts more.
    Linked and(HttpHeaders headers) {
      return new Linked(
          headers.firstValue("X-Repo-Commit").orElse(commit),
          headers.firstValue("X-Linked-Etag").map(Reply::bare).orElse(etag),
          number(headers.firstValue("X-Linked-Size")).orElse(size));
    }
  }

  boolean ok() {
    return status >= 200 && status < 300;
  }

  String header(String name) {
    return headers.firstValue(name).orElse("");
  }

  /// The plain `ETag` as it came, or an empty text.
  String rawEtag() {
    return header("ETag").strip();
  }

  /// The hub's name of the content: `X-Linked-Etag`, else the `ETag` of an answer of the hub.
  @Nullable String etag() {
    if (linked.etag() != null) {
      return linked.etag();
    }
    return onHub && !rawEtag().isEmpty() ? bare(rawEtag()) : null;
  }

  OptionalLong contentLength() {
    return number(headers.firstValue("Content-Length"));
  }

  boolean isEncoded() {
    String encoding = header("Content-Encoding");
    return !encoding.isEmpty() && !encoding.equalsIgnoreCase("identity");
  }

  /// The first byte and the whole size that `Content-Range` names; -1 where it does not.
  long[] contentRange() {
    Matcher matcher = CONTENT_RANGE.matcher(header("Content-Range").strip());
    if (!matcher.matches()) {
      return new long[] {-1, -1};
    }
    return new long[] {
      matcher.group(1) == null ? -1 : Long.parseLong(matcher.group(1)),
      matcher.group(3).equals("*") ? -1 : Long.parseLong(matcher.group(3))
    };
  }

  /// Without `W/` and the quotation marks.
  static String bare(String etag) {
    String strong = etag.strip().startsWith("W/") ? etag.strip().substring(2) : etag.strip();
    return strong.replace("\"", "");
  }

  private static OptionalLong number(Optional<String> text) {
    return text.isPresent() && text.get().strip().matches("[0-9]{1,18}")
        ? OptionalLong.of(Long.parseLong(text.get().strip()))
        : OptionalLong.empty();
  }

  @Override
  public void close() {
    try {
      body.close();
    } catch (IOException e) {
      // nothing more is wanted from it
    }
  }
}
