package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.net.URI;
import java.util.Map;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// One file after the other, each in three steps: what the hub says about it, the lock, the bytes.
record FileFetch(
    FetchRequest request,
    String commit,
    HubClient client,
    Destination destination,
    Pause pause,
    FetchListener listener,
    Supplier<Attempts> attempts) {
  /// What may become the name of a blob; real ones are hexadecimal digits.
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}");

  /// @throws UserException if it cannot be had
  void fetch(RepoFile listed) {
    Transfer.Source source = head(listed);
    RepoFile file = source.file();
    Destination.Place place = destination.place(file, source.etag());
    try (HubLock _ = HubLock.acquire(place.lock(), file.path(), pause, listener::note)) {
      if (!request.force() && (destination.has(file) || destination.adopt(file, source.etag()))) {
        listener.kept(file.knownSize());
        return;
      }
      new Transfer(client, attempts.get(), listener)
          .run(source, place.part(), place.target(), request.force());
      destination.finished(file, source.etag());
    }
  }

  /// Asks for the headers of the file, where the hub names its content.
  private Transfer.Source head(RepoFile file) {
    URI uri =
        client.uri(
            "/%s/resolve/%s/%s"
                .formatted(request.model().id(), commit, HubClient.encode(file.path(), true)));
    Attempts tries = attempts.get();
    while (true) {
      try (Reply reply = client.send("HEAD", uri, Map.of(), true)) {
        boolean away = reply.status() >= 300 && reply.status() < 400;
        if (reply.status() == 401 || reply.status() == 403) {
          // the listing of a gated model is open to everyone, its files are not
          throw HubErrors.ofModel(request.model(), client.environment(), reply);
        }
        if (!reply.ok() && !away) {
          throw HubErrors.ofFile(file.path(), reply);
        }
        return source(file, uri, reply, away);
      } catch (IOException e) {
        tries.failed(file.path(), e);
      }
    }
  }

  /// @param away whether the bytes are somewhere else; the answer then has the hub's word on them
  private Transfer.Source source(RepoFile file, URI uri, Reply reply, boolean away) {
    @Nullable String headCommit = reply.linked().commit();
    if (headCommit != null && !headCommit.equals(commit)) {
      throw new UserException(
          "The server gives %s of commit %s, asked for %s; run it again."
              .formatted(file.path(), headCommit, commit));
    }
    boolean listed = away && reply.linked().etag() == null && file.etag() != null;
    @Nullable String named = listed ? file.etag() : reply.etag();
    String etag = named != null ? named : file.etag() != null ? file.etag() : "";
    if (!NAME.matcher(etag).matches()) {
      throw new UserException(
          etag.isEmpty()
              ? "The server has no ETag for %s; is HF_ENDPOINT a Hugging Face hub?"
                  .formatted(file.path())
              : "The server's ETag of %s is '%s', which is refused.".formatted(file.path(), etag));
    }
    long size = reply.linked().size();
    if (size < 0 && !away && !reply.isEncoded()) {
      size = reply.contentLength().orElse(RepoFile.UNKNOWN);
      size = size == 0 ? RepoFile.UNKNOWN : size; // of no body, as some servers answer HEAD
    }
    if (file.size() >= 0 && size >= 0 && size != file.size()) {
      throw new UserException(
          "The hub lists %s with %d bytes and offers it with %d; run it again later."
              .formatted(file.path(), file.size(), size));
    }
    String raw = reply.rawEtag();
    return new Transfer.Source(
        checked(file, etag, size), uri, etag, !away && raw.startsWith("\"") ? raw : null);
  }

  /// The file with all that is known of its content now.
  private static RepoFile checked(RepoFile file, String etag, long size) {
    @Nullable String sha256 = RepoListing.SHA256.matcher(etag).matches() ? etag : null;
    @Nullable String sha1 = RepoListing.SHA1.matcher(etag).matches() ? etag : null;
    boolean other =
        (sha256 != null && file.sha256() != null && !sha256.equals(file.sha256()))
            || (sha1 != null && file.gitSha1() != null && !sha1.equals(file.gitSha1()));
    if (other) {
      throw new UserException(
          "The hub lists %s with the content %s and offers %s; run it again later."
              .formatted(file.path(), file.etag(), etag));
    }
    return file.with(
        file.size() >= 0 ? file.size() : size,
        file.gitSha1() != null ? file.gitSha1() : sha1,
        file.sha256() != null ? file.sha256() : sha256);
  }
}
