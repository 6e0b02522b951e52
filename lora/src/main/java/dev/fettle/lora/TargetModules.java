package dev.fettle.lora;

import dev.fettle.checkpoint.NamePattern;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.regex.MatchResult;
import org.jspecify.annotations.Nullable;

/// Which layers get an adapter, with the meaning of PEFT's `target_modules`, `exclude_modules`,
/// `layers_to_transform` and `layers_pattern`.
public sealed interface TargetModules {
  /// Every linear layer inside the blocks; PEFT's `all-linear`.
  record AllLinear() implements TargetModules {}

  /// Layers whose path is one of these or ends with `.` and one of these.
  ///
  /// @param layers restricts the blocks, or null; a path given in full is not restricted
  record Names(List<String> names, @Nullable Layers layers) implements TargetModules {
    public Names {
      names = List.copyOf(names);
    }

    /// In every block.
    public Names(List<String> names) {
      this(names, null);
    }
  }

  /// Layers whose whole path matches.
  record Regex(NamePattern pattern) implements TargetModules {}

  /// Layers of `included` that `excluded` does not match.
  record Except(TargetModules included, TargetModules excluded) implements TargetModules {}

  /// Blocks by number.
  ///
  /// @param indices PEFT's `layers_to_transform`, counted from 0
  /// @param patterns PEFT's `layers_pattern`: names (or regular expressions) of the list that the
  ///   number is an index of, such as `layers`; empty takes the first number in the path
  record Layers(List<Integer> indices, List<String> patterns) {
    private static final NamePattern FIRST_NUMBER =
        NamePattern.compile(".*?\\.[^.]*\\.(?<idx>\\d+)\\.", "layers_pattern");

    public Layers {
      indices = List.copyOf(indices);
      patterns = List.copyOf(patterns);
    }

    boolean contains(String path) {
      List<NamePattern> tried =
          patterns.isEmpty()
              ? List.of(FIRST_NUMBER)
              : patterns.stream()
                  .map(p ->
                      NamePattern.compile(
                          "(?:^|.*?\\.)" + p + "\\.(?<idx>\\d+)\\.", "layers_pattern"))
                  .toList();
      for (NamePattern pattern : tried) {
        @Nullable MatchResult match = pattern.lookingAt(path);
        if (match != null) {
          return indices.contains(Integer.valueOf(match.group("idx")));
        }
      }
      return false;
    }
  }

  /// Reads an option: `all-linear`, names separated by commas, or a regular expression (anything
  /// that holds a character no module name has).
  ///
  /// @throws UserException if the text is empty or the expression is not valid
  static TargetModules parse(String text) {
    String trimmed = text.strip();
    if (trimmed.isEmpty()) {
      throw new UserException(
          "target_modules is empty; expected all-linear, names such as q_proj,v_proj, or a regular"
              + " expression.");
    }
    if (isAllLinear(trimmed)) {
      return new AllLinear();
    }
    if (trimmed.matches("[\\w.,\\s-]+")) {
      return new Names(
          List.of(trimmed.split("[,\\s]+")).stream().filter(name -> !name.isEmpty()).toList());
    }
    return regex(trimmed);
  }

  static boolean isAllLinear(String text) {
    return text.equalsIgnoreCase("all-linear");
  }

  /// @throws UserException if the expression is not valid
  static TargetModules regex(String expression) {
    return new Regex(NamePattern.compile(expression, "target_modules"));
  }

  /// Whether a linear layer of the blocks is meant.
  default boolean matches(String path) {
    return switch (this) {
      case AllLinear all -> true;
      case Names some -> some.names().contains(path) || matchesTail(some, path);
      case Regex regex -> regex.pattern().matches(path);
      case Except(TargetModules included, TargetModules excluded) ->
          !excluded.matches(path) && included.matches(path);
    };
  }

  private static boolean matchesTail(Names some, String path) {
    return some.names().stream().anyMatch(name -> path.endsWith("." + name))
        && (some.layers() == null || some.layers().contains(path));
  }

  /// Whether the embedding or the head is meant, which `all-linear` never means.
  default boolean matchesOutside(String path) {
    return switch (this) {
      case AllLinear all -> false;
      case Names some -> matches(path);
      case Regex regex -> matches(path);
      case Except(TargetModules included, TargetModules excluded) ->
          included.matchesOutside(path) && !excluded.matches(path);
    };
  }

  /// The layers of a model that match, in its order: the embedding, linear layers, the head.
  ///
  /// @param linears the linear layers inside the blocks
  /// @param norms paths of the norms
  /// @param everyName whether each name of a list must match; PEFT lets names match nothing as long
  ///   as one does
  /// @throws UserException if none matches, if a name matches none, or if something else in the
  ///   model matches, such as a norm, on which PEFT fails
  default List<String> select(
      Collection<String> linears, Collection<String> norms, boolean everyName) {
    OtherModules.refuse(this, linears, norms);
    List<String> paths = new ArrayList<>(linears);
    paths.addFirst(AdapterPlan.EMBEDDING);
    paths.addLast(AdapterPlan.HEAD);
    if (everyName) {
      checkNames(paths);
    }
    List<String> selected =
        paths.stream()
            .filter(path -> linears.contains(path) ? matches(path) : matchesOutside(path))
            .toList();
    if (selected.isEmpty()) {
      throw new UserException(
          "target_modules '%s' matches no linear layer of this model; it has %s, or use all-linear."
              .formatted(text(), shortNames(linears)));
    }
    return selected;
  }

  private void checkNames(Collection<String> paths) {
    List<String> names =
        switch (this) {
          case Names some -> some.names();
          case Except(Names some, TargetModules excluded) -> some.names();
          case Except except -> List.of();
          case AllLinear all -> List.of();
          case Regex regex -> List.of();
        };
    for (String name : names) {
      if (paths.stream().noneMatch(new Names(List.of(name))::matches)) {
        throw new UserException(
            "target_modules names '%s', which this model does not have as a linear layer or embedding; it has %s."
                .formatted(name, shortNames(paths)));
      }
    }
  }

  private static String shortNames(Collection<String> paths) {
    return String.join(
        ", ", paths.stream().map(p -> p.substring(p.lastIndexOf('.') + 1)).distinct().toList());
  }

  /// For people: as on a command line, and what restricts it in words.
  default String text() {
    return switch (this) {
      case AllLinear all -> "all-linear";
      case Names(List<String> names, @Nullable Layers layers) ->
          String.join(",", names)
              + (layers == null
                  ? ""
                  : " in "
                      + (layers.patterns().isEmpty() ? "layers" : layers.patterns())
                      + " "
                      + layers.indices());
      case Regex regex -> regex.pattern().pattern().pattern();
      case Except(TargetModules included, TargetModules excluded) ->
          included.text() + " except " + excluded.text();
    };
  }
}
