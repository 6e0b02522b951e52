package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Asks a hub for the files of a model. Where the first answer has no sizes (mirrors leave them
/// out), the tree of the commit is asked for too, page by page.
record ListingRequest(HubEnvironment environment, HubClient client, ModelName model) {
  private static final int MOST_PAGES = 1000;
  private static final Pattern NEXT = Pattern.compile("<([^>]{1,4000})>\\s*;\\s*rel=\"?next\"?");

  /// @param source the model's address, for messages
  /// @throws UserException if the hub does not give it out, or it is refused
  RepoListing get(Attempts attempts, String source) {
    String revision = HubClient.encode(model.revisionOrMain(), false);
    String path = "/api/models/" + model.id() + "/revision/" + revision + "?blobs=true";
    @Nullable Page page = page(attempts, client.uri(path), source, true);
    if (page == null) {
      throw new IllegalStateException("a refusal is an exception");
    }
    RepoListing listing = RepoListing.parse(page.text, source);
    if (listing.complete()) {
      return listing;
    }
    List<RepoFile> files = tree(attempts, listing.commit(), source);
    return files.isEmpty() ? listing : RepoListing.of(listing.commit(), files, source);
  }

  private List<RepoFile> tree(Attempts attempts, String commit, String source) {
    List<RepoFile> files = new ArrayList<>();
    @Nullable URI next =
        client.uri("/api/models/" + model.id() + "/tree/" + commit + "?recursive=true");
    for (int i = 0; next != null; i++) {
      @Nullable Page page = page(attempts, next, source, false);
      if (page == null || i >= MOST_PAGES) {
        return List.of();
      }
      RepoListing.parseTree(page.text, files, source);
      next = page.next;
    }
    return files;
  }

  private record Page(String text, @Nullable URI next) {}

  /// @param required whether a refusal is an error; null is returned otherwise
  private @Nullable Page page(Attempts attempts, URI uri, String source, boolean required) {
    while (true) {
      try (Reply reply = client.send("GET", uri, Map.of(), false)) {
        if (reply.ok()) {
          return new Page(client.text(reply), next(reply));
        }
        if (!required) {
          return null;
        }
        throw HubErrors.ofModel(model, environment, reply);
      } catch (IOException e) {
        attempts.failed(source, e);
      }
    }
  }

  /// The header `Link` with `rel="next"`, if it stays where it is.
  private static @Nullable URI next(Reply reply) {
    Matcher matcher = NEXT.matcher(reply.header("Link"));
    if (!matcher.find()) {
      return null;
    }
    try {
      URI next = reply.uri().resolve(Location.parse(matcher.group(1)));
      boolean same =
          reply.uri().getScheme().equals(next.getScheme())
              && reply.uri().getRawAuthority().equals(next.getRawAuthority());
      return same ? next : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
