package dev.fettle.checkpoint.hub;

import org.jspecify.annotations.Nullable;

/// A file of a repository as its listing describes it.
///
/// @param path with `/` between the parts, checked by [RepoPath]
/// @param size in bytes, or -1 where the listing does not say
/// @param gitSha1 git's name of the content, 40 hexadecimal digits, or null
/// @param sha256 of the content, 64 hexadecimal digits; null for files that are not large (LFS)
public record RepoFile(String path, long size, @Nullable String gitSha1, @Nullable String sha256) {
  static final long UNKNOWN = -1;

  /// Bytes that are certain, 0 where the listing does not say.
  public long knownSize() {
    return Math.max(0, size);
  }

  String name() {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  boolean isTopLevel() {
    return path.indexOf('/') < 0;
  }

  /// What the hub calls this content, and so the name of its blob; null if the listing has none.
  @Nullable String etag() {
    return sha256 != null ? sha256 : gitSha1;
  }

  RepoFile with(long newSize, @Nullable String sha1, @Nullable String sha2) {
    return new RepoFile(path, newSize, sha1, sha2);
  }
}
