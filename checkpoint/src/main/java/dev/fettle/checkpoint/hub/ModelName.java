package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// How people name a model of a hub: `org/model`, `org/model@revision`, and for one of the GGUF
/// files of a repository `org/model:file.gguf` or `org/model:Q4_K_M`.
///
/// @param id `org/model`, or `model` alone for the oldest ones, by the rules of the hub
/// @param revision branch, tag or commit, or null for `main`
/// @param file what stands behind the colon, or null
public record ModelName(String id, @Nullable String revision, @Nullable String file) {
  static final String MAIN = "main";
  private static final String SCHEME = "hf://";
  private static final int LONGEST = 300;

  /// Letters, digits and `-_.`, none of `-.` first or last; at most 96 characters.
  private static final Pattern ID =
      Pattern.compile("(?:\\w(?:[\\w.-]{0,94}\\w)?/)?\\w(?:[\\w.-]{0,94}\\w)?");

  private static final Pattern WHOLE = Pattern.compile("([^@:]+)(?:@([^:]*))?(?::(.*))?");

  /// @throws UserException if the text is no such name
  public static ModelName parse(String text) {
    return tryParse(text)
        .orElseThrow(() ->
            new UserException(
                "'%s' is no name of a model on a hub; write org/model, such as google/gemma-2b,"
                        .formatted(text)
                    + " org/model@revision or org/model:file.gguf."));
  }

  /// Empty if the text is no such name.
  public static Optional<ModelName> tryParse(String text) {
    String bare = text.startsWith(SCHEME) ? text.substring(SCHEME.length()) : text;
    Matcher matcher = WHOLE.matcher(bare);
    if (bare.length() > LONGEST || !matcher.matches() || !isId(matcher.group(1))) {
      return Optional.empty();
    }
    @Nullable String revision = matcher.group(2);
    @Nullable String file = matcher.group(3);
    boolean sound =
        (revision == null || isRevision(revision)) && (file == null || RepoPath.isSafe(file));
    return sound ? Optional.of(new ModelName(matcher.group(1), revision, file)) : Optional.empty();
  }

  /// The same model at another revision.
  ///
  /// @throws UserException if it is no revision
  public ModelName at(String other) {
    if (!isRevision(other)) {
      throw new UserException(
          "'%s' is no revision of a model; give a branch, a tag or a commit.".formatted(other));
    }
    return new ModelName(id, other, file);
  }

  public String revisionOrMain() {
    return revision == null ? MAIN : revision;
  }

  /// The folder of its repository in the cache: `models--org--model`.
  Path folder(Path cache) {
    return cache.resolve("models--" + id.replace("/", "--"));
  }

  /// As it is written.
  @Override
  public String toString() {
    return id + (revision == null ? "" : "@" + revision) + (file == null ? "" : ":" + file);
  }

  private static boolean isId(String text) {
    return ID.matcher(text).matches()
        && !text.contains("--")
        && !text.contains("..")
        && !text.endsWith(".git");
  }

  /// It becomes a path below `refs/`, such as `refs/pr/3`.
  private static boolean isRevision(String text) {
    return RepoPath.isSafe(text) && text.chars().allMatch(c -> c > ' ' && c <= '~');
  }
}
