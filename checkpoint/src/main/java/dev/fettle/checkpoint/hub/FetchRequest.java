package dev.fettle.checkpoint.hub;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What to fetch, and where to.
///
/// @param model with its revision
/// @param include patterns as for `hf download`; empty for what Fettle needs
/// @param exclude patterns of files that are left out
/// @param localDir a folder for plain files, or null for the cache
/// @param workers files downloaded at once, from 1
/// @param force whether files that are there are downloaded again
public record FetchRequest(
    ModelName model,
    List<String> include,
    List<String> exclude,
    @Nullable Path localDir,
    int workers,
    boolean force) {
  /// As in `huggingface_hub`.
  public static final int DEFAULT_WORKERS = 8;

  public static FetchRequest of(ModelName model) {
    return new FetchRequest(model, List.of(), List.of(), null, DEFAULT_WORKERS, false);
  }

  /// The pattern of a file that is named, or of a folder with a slash at the end; a pattern is
  /// taken as it is.
  public static String patternOf(String name) {
    if (name.indexOf('*') >= 0 || name.indexOf('?') >= 0) {
      return name;
    }
    return name.endsWith("/") ? Glob.literal(name) + "*" : Glob.literal(name);
  }

  public FetchRequest withPatterns(List<String> included, List<String> excluded) {
    return new FetchRequest(
        model, List.copyOf(included), List.copyOf(excluded), localDir, workers, force);
  }

  public FetchRequest into(@Nullable Path folder) {
    return new FetchRequest(model, include, exclude, folder, workers, force);
  }

  public FetchRequest withWorkers(int number) {
    return new FetchRequest(model, include, exclude, localDir, number, force);
  }

  public FetchRequest withForce(boolean again) {
    return new FetchRequest(model, include, exclude, localDir, workers, again);
  }
}
