package dev.fettle.checkpoint.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Where the files of a repository go.
sealed interface Destination permits CacheDestination, FolderDestination {
  /// Paths of one file while it is downloaded.
  ///
  /// @param lock held meanwhile
  /// @param part what is there so far
  /// @param target the whole
  record Place(Path lock, Path part, Path target) {}

  /// The folder that holds the model in the end.
  Path folder();

  /// Whether the file is there, and is the one of the listing as far as that is quickly seen.
  boolean has(RepoFile file);

  /// @param etag the hub's name of the content, which is fit for a file name
  Place place(RepoFile file, String etag);

  /// Takes the file from what is on this machine already.
  ///
  /// @return whether it could
  boolean adopt(RepoFile file, String etag);

  /// The target of [#place] is there now.
  void finished(RepoFile file, String etag);

  /// All files are there.
  ///
  /// @param downloaded whether one of them is new; else the place may be read-only
  void finished(boolean downloaded);

  /// Whether a file has this size, or any where that is not known.
  static boolean hasSize(Path path, long size) {
    try {
      return Files.isRegularFile(path) && (size < 0 || Files.size(path) == size);
    } catch (IOException e) {
      return false;
    }
  }
}
