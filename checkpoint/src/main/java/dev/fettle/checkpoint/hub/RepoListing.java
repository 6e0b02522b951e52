package dev.fettle.checkpoint.hub;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What `GET /api/models/{id}/revision/{revision}?blobs=true` answers: the commit and its files.
///
/// @param commit 40 hexadecimal digits
/// @param files in the order of the answer, each path once
/// @param complete whether every file has a size and a hash
public record RepoListing(String commit, List<RepoFile> files, boolean complete) {
  static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");
  static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /// No file of a model is larger; sums of sizes below it cannot overflow.
  private static final long LARGEST = 1L << 50;

  private static final int MOST_FILES = 200_000;

  /// The part of the answer that says which commit the revision is.
  ///
  /// @param source the repository, for messages
  /// @throws UserException if the answer is none, or a name in it is refused
  public static RepoListing parse(String json, String source) {
    ObjectNode root = Json.parse(json, source);
    String commit = text(root, "sha");
    if (commit == null || !SHA1.matcher(commit).matches()) {
      throw new UserException(
          source
              + ": the server's listing has no commit ('sha' with 40 hexadecimal digits); is HF_ENDPOINT a"
              + " Hugging Face hub?");
    }
    List<RepoFile> files = new ArrayList<>();
    for (JsonNode sibling : root.path("siblings").values()) {
      @Nullable String path = text(sibling, "rfilename");
      JsonNode lfs = sibling.path("lfs");
      add(
          files,
          path,
          sibling.path("size"),
          text(sibling, "blobId"),
          lfs.path("size"),
          text(lfs, "sha256"),
          source);
    }
    return of(commit, files, source);
  }

  /// One page of `GET /api/models/{id}/tree/{commit}?recursive=true`.
  ///
  /// @param files what the page lists is added here
  static void parseTree(String json, List<RepoFile> files, String source) {
    ObjectNode root = Json.parse("{\"files\":" + json + "}", source);
    for (JsonNode entry : root.path("files").values()) {
      if ("directory".equals(text(entry, "type"))) {
        continue;
      }
      JsonNode lfs = entry.path("lfs");
      add(
          files,
          text(entry, "path"),
          entry.path("size"),
          text(entry, "oid"),
          lfs.path("size"),
          text(lfs, "oid"),
          source);
    }
  }

  static RepoListing of(String commit, List<RepoFile> files, String source) {
    Set<String> seen = new HashSet<>();
    boolean complete = !files.isEmpty();
    for (RepoFile file : files) {
      if (!seen.add(file.path())) {
        throw new UserException("%s lists '%s' twice.".formatted(source, file.path()));
      }
      complete &= file.size() >= 0 && file.etag() != null;
    }
    for (RepoFile file : files) {
      for (int at = file.path().indexOf('/'); at >= 0; at = file.path().indexOf('/', at + 1)) {
        if (seen.contains(file.path().substring(0, at))) {
          throw new UserException(
              "%s lists '%s' both as a file and as a folder."
                  .formatted(source, file.path().substring(0, at)));
        }
      }
    }
    return new RepoListing(commit, List.copyOf(files), complete);
  }

  private static void add(
      List<RepoFile> files,
      @Nullable String path,
      JsonNode size,
      @Nullable String blob,
      JsonNode lfsSize,
      @Nullable String sha256,
      String source) {
    if (path == null) {
      throw new UserException(source + ": the server's listing has a file without a name.");
    }
    if (files.size() >= MOST_FILES) {
      throw new UserException(
          "%s lists more than %d files; that is no model.".formatted(source, MOST_FILES));
    }
    boolean large = sha256 != null && SHA256.matcher(sha256).matches();
    boolean git = !large && blob != null && SHA1.matcher(blob).matches();
    files.add(
        new RepoFile(
            RepoPath.checked(path, source),
            size(lfsSize.isMissingNode() || lfsSize.isNull() ? size : lfsSize, path, source),
            git ? blob : null,
            large ? sha256 : null));
  }

  private static long size(JsonNode node, String path, String source) {
    if (node.isMissingNode() || node.isNull()) {
      return RepoFile.UNKNOWN;
    }
    long size = node.isIntegralNumber() && node.canConvertToLong() ? node.asLong() : -1;
    if (size < 0 || size > LARGEST) {
      throw new UserException(
          "%s: the server's listing gives '%s' the size %s, which no file has."
              .formatted(source, path, node));
    }
    return size;
  }

  private static @Nullable String text(JsonNode node, String key) {
    return node.path(key).isString() ? node.path(key).asString() : null;
  }
}
