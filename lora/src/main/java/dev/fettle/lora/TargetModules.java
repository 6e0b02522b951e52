package dev.fettle.lora;

import dev.fettle.tensor.UserException;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Which linear layers get an adapter, as in PEFT's `target_modules`.
public sealed interface TargetModules {
  /// Every linear layer inside the blocks; PEFT's `all-linear`.
  record AllLinear() implements TargetModules {}

  /// Layers whose path is one of these or ends with `.` and one of these.
  record Names(List<String> names) implements TargetModules {
    public Names {
      names = List.copyOf(names);
    }
  }

  /// Layers whose whole path matches.
  record Regex(Pattern pattern) implements TargetModules {}

  /// Reads an option: `all-linear`, names separated by commas, or a regular expression (anything
  /// that holds a character no module name has).
  ///
  /// @throws UserException if the expression is not valid
  static TargetModules parse(String text) {
    String trimmed = text.strip();
    if (trimmed.equals("all-linear")) {
      return new AllLinear();
    }
    if (trimmed.matches("[\\w.,\\s-]+") && !trimmed.contains(".*")) {
      return new Names(List.of(trimmed.split("[,\\s]+")));
    }
    return regex(trimmed);
  }

  /// @throws UserException if the expression is not valid
  static TargetModules regex(String expression) {
    try {
      return new Regex(Pattern.compile(expression));
    } catch (PatternSyntaxException e) {
      throw new UserException(
          "target_modules '"
              + expression
              + "' is not a regular expression: "
              + e.getDescription()
              + ".",
          e);
    }
  }

  default boolean matches(String path) {
    return switch (this) {
      case AllLinear all -> true;
      case Names some ->
          some.names().stream().anyMatch(name -> path.equals(name) || path.endsWith("." + name));
      case Regex regex -> regex.pattern().matcher(path).matches();
    };
  }

  /// The layers of a model that match, in its order.
  ///
  /// @throws UserException if none does, or if a name matches none
  default List<String> select(Collection<String> paths) {
    List<String> selected = paths.stream().filter(this::matches).toList();
    if (this instanceof Names(List<String> names)) {
      for (String name : names) {
        if (paths.stream().noneMatch(new Names(List.of(name))::matches)) {
          throw new UserException(
              "target_modules names '%s', which this model does not have as a linear layer; it has %s."
                  .formatted(name, shortNames(paths)));
        }
      }
    }
    if (selected.isEmpty()) {
      throw new UserException(
          "target_modules '%s' matches no linear layer of this model; it has %s, or use all-linear."
              .formatted(this, shortNames(paths)));
    }
    return selected;
  }

  private static String shortNames(Collection<String> paths) {
    return String.join(
        ", ", paths.stream().map(p -> p.substring(p.lastIndexOf('.') + 1)).distinct().toList());
  }

  /// As it is written on a command line.
  default String text() {
    return switch (this) {
      case AllLinear all -> "all-linear";
      case Names some -> String.join(",", some.names());
      case Regex regex -> regex.pattern().pattern();
    };
  }
}
