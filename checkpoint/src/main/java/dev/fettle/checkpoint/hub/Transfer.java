package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/// The download of one file: goes on where a part ends, again after every interruption, until the
/// bytes are those that the hub promised.
///
/// @param listener hears of the bytes that are there and of those that come
record Transfer(HubClient client, Attempts attempts, FetchListener listener) {
  private static final int BUFFER = 1 << 17;

  /// A failure after so many new bytes (or this part of the file) is not one more in a row.
  private static final long PROGRESS_BYTES = 1 << 16;

  private static final int PROGRESS_PART = 100;

  /// Nothing whose size nobody knows may be larger.
  private static final long LARGEST_UNKNOWN = 64L << 20;

  /// What is downloaded.
  ///
  /// @param file with the size and the hash that the content must have
  /// @param etag the hub's name of the content
  /// @param validator a strong `ETag` of what the address gives, for `If-Range`, or null
  record Source(RepoFile file, URI uri, String etag, @Nullable String validator) {
    String name() {
      return file.path();
    }
  }

  /// @param part where the bytes go meanwhile
  /// @param target where the whole file goes
  /// @param afresh whether a part that is there is thrown away
  /// @throws UserException if it cannot be had, or is not what the hub lists
  void run(Source source, Path part, Path target, boolean afresh) {
    try (PartFile file = PartFile.open(part, ContentHash.of(source.file()))) {
      if (afresh) {
        file.restart();
        attempts.startOver();
      }
      listener.kept(file.size());
      boolean resumed = file.size() > 0;
      @Nullable String validator = source.validator();
      while (!isComplete(source, file)) {
        try {
          validator = attempt(source, file, validator);
          if (source.file().size() < 0) {
            break;
          }
        } catch (IOException e) {
          attempts.failed(source.name(), e);
        }
      }
      if (verified(source, file, !resumed)) {
        file.moveTo(target);
        return;
      }
      forget(file);
    }
    run(source, part, target, true); // what was here before was not of this file
  }

  private boolean isComplete(Source source, PartFile file) {
    if (source.file().size() >= 0 && file.size() > source.file().size()) {
      forget(file);
    }
    return file.size() == source.file().size();
  }

  private void forget(PartFile file) {
    listener.kept(-file.size());
    file.restart();
  }

  private boolean verified(Source source, PartFile file, boolean last) {
    ContentHash hash = ContentHash.of(source.file());
    String found = file.hash();
    if (hash.accepts(found)) {
      return true;
    }
    if (last) {
      file.delete();
      throw new UserException(
          ("%s is not what the hub lists: its %s is %s instead of %s; it was removed, run it again and, if"
                  + " that does not help, tell the owner of the model.")
              .formatted(source.name(), hash.kind(), found, hash.expected()));
    }
    return false;
  }

  /// One request.
  ///
  /// @return the validator for the next one
  private @Nullable String attempt(Source source, PartFile file, @Nullable String validator)
      throws IOException {
    long offset = file.size();
    Map<String, String> headers = new LinkedHashMap<>();
    if (offset > 0) {
      headers.put("Range", "bytes=" + offset + "-");
      if (validator != null) {
        headers.put("If-Range", validator);
      }
    }
    try (Reply reply = client.send("GET", source.uri(), headers, false)) {
      accept(source, file, reply, offset);
      copy(source, file, reply, offset);
      String raw = reply.rawEtag();
      return raw.startsWith("\"") ? raw : validator;
    }
  }

  /// Decides whether the body goes on where the part ends.
  private void accept(Source source, PartFile file, Reply reply, long offset) throws IOException {
    int status = reply.status();
    if (status == 416 && offset > 0) {
      forget(file);
      throw new IOException("the server has no such part of it; starting over");
    }
    if (!reply.ok()) {
      if (!reply.onHub() && (status == 403 || status == 401)) {
        throw new IOException("the address of its bytes is no longer valid");
      }
      throw HubErrors.ofFile(source.name(), reply);
    }
    if (isAnother(source.etag(), reply.etag())) {
      forget(file);
      throw new UserException(
          source.name() + " was changed on the server while it was downloaded; run it again.");
    }
    long length = source.file().size();
    if (status == 206) {
      long[] range = reply.contentRange();
      if (range[0] != offset || (length >= 0 && range[1] >= 0 && range[1] != length)) {
        forget(file);
        throw new IOException("the server sends another part than the one asked for");
      }
      return;
    }
    if (offset > 0) {
      forget(file); // the server ignores ranges, or the file is another one now
    }
    long announced = reply.isEncoded() ? -1 : reply.contentLength().orElse(-1);
    if (length >= 0 && announced >= 0 && announced != length) {
      throw new IOException(
          "the hub lists %d bytes and the server announces %d".formatted(length, announced));
    }
  }

  private void copy(Source source, PartFile file, Reply reply, long offset) throws IOException {
    long length = source.file().size();
    long limit = length >= 0 ? length : LARGEST_UNKNOWN;
    byte[] buffer = new byte[BUFFER];
    try (Watchdog.Watch watch = client.watchdog().watch(reply.body())) {
      InputStream body = decoded(reply, offset);
      for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
        watch.progressed();
        if (file.size() + n > limit) {
          forget(file);
          throw new IOException("the server sends more than the %d bytes listed".formatted(limit));
        }
        file.write(buffer, n);
        listener.received(n);
      }
    } finally {
      client.watchdog().check();
      attempts.reached(file.size(), progressStep(length));
    }
    if (length >= 0 && file.size() < length) {
      throw new IOException(
          "the connection ended after %d of %d bytes".formatted(file.size(), length));
    }
  }

  private static long progressStep(long length) {
    return length < 0 ? PROGRESS_BYTES : Math.clamp(length / PROGRESS_PART, 1, PROGRESS_BYTES);
  }

  private static InputStream decoded(Reply reply, long offset) throws IOException {
    if (!reply.isEncoded()) {
      return reply.body();
    }
    String encoding = reply.header("Content-Encoding");
    if (!encoding.equalsIgnoreCase("gzip") || (offset > 0 && reply.status() == 206)) {
      throw new IOException("the server sends it encoded as '" + encoding + "', unasked");
    }
    return new GZIPInputStream(reply.body());
  }

  /// Whether two names of contents are certainly those of different ones.
  private static boolean isAnother(String expected, @Nullable String found) {
    if (found == null || found.equals(expected)) {
      return false;
    }
    return (isSha256(expected) && isSha256(found)) || (isSha1(expected) && isSha1(found));
  }

  private static boolean isSha256(String etag) {
    return RepoListing.SHA256.matcher(etag).matches();
  }

  private static boolean isSha1(String etag) {
    return RepoListing.SHA1.matcher(etag).matches();
  }
}
