package dev.fettle.checkpoint.hub;

import java.nio.file.Path;
import java.util.List;

/// What a fetch is going to do.
///
/// @param commit of the repository, 40 hexadecimal digits
/// @param folder where the model will be
/// @param items the chosen files
/// @param notes sentences on the choice
public record FetchPlan(String commit, Path folder, List<Item> items, List<String> notes) {
  /// A chosen file.
  ///
  /// @param isHere whether it need not be downloaded
  public record Item(RepoFile file, boolean isHere) {}

  /// The files that are not here.
  public List<RepoFile> missing() {
    return items.stream().filter(item -> !item.isHere()).map(Item::file).toList();
  }

  /// Bytes of all files, as far as their sizes are known.
  public long bytes() {
    return items.stream().mapToLong(item -> item.file().knownSize()).sum();
  }

  /// Bytes of [#missing].
  public long missingBytes() {
    return missing().stream().mapToLong(RepoFile::knownSize).sum();
  }
}
