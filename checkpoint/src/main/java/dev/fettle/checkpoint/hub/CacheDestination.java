package dev.fettle.checkpoint.hub;

import java.nio.file.Path;

/// The cache that Python reads too.
///
/// @param revision as the user named it
record CacheDestination(HubCache cache, String revision, String commit, boolean symlinks)
    implements Destination {
  @Override
  public Path folder() {
    return cache.snapshot(commit);
  }

  @Override
  public boolean has(RepoFile file) {
    return Destination.hasSize(folder().resolve(file.path()), file.size());
  }

  @Override
  public Place place(RepoFile file, String etag) {
    return new Place(cache.lock(etag), cache.part(etag), cache.blob(etag));
  }

  @Override
  public boolean adopt(RepoFile file, String etag) {
    if (!Destination.hasSize(cache.blob(etag), file.size())) {
      return false;
    }
    cache.link(etag, commit, file.path(), false, symlinks);
    return true;
  }

  @Override
  public void finished(RepoFile file, String etag) {
    cache.link(etag, commit, file.path(), true, symlinks);
  }

  /// The revision becomes this commit only now, so a fetch that is cut short leaves the model that
  /// was there before as it is.
  @Override
  public void finished(boolean downloaded) {
    if (downloaded) {
      cache.writeTag();
    }
    cache.writeRef(revision, commit);
  }
}
