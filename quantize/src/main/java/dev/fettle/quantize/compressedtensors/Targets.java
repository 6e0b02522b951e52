package dev.fettle.quantize.compressedtensors;

import dev.fettle.checkpoint.NamePattern;
import java.util.Comparator;
import java.util.List;

/// Which modules a target names: one by its path, those that begin with a match of a `re:` pattern,
/// or all of the class `Linear`.
///
/// Source: compressed-tensors 0.17.1, `utils/match.py` (`match_targets`).
final class Targets {
  private static final String PATTERN = "re:";
  private static final String LINEAR = "Linear";

  /// The target that counts comes first.
  static final Comparator<String> PRECEDENCE =
      Comparator.comparingInt(Targets::rank).thenComparing(Comparator.naturalOrder());

  private Targets() {}

  private static int rank(String target) {
    return target.equals(LINEAR) ? 2 : target.startsWith(PATTERN) ? 1 : 0;
  }

  static boolean matches(String target, String module) {
    return switch (rank(target)) {
      case 0 -> target.equals(module);
      case 1 -> pattern(target, "A target in quantization_config").lookingAt(module) != null;
      default -> true;
    };
  }

  private static NamePattern pattern(String target, String where) {
    return NamePattern.compile(target.substring(PATTERN.length()), where);
  }

  /// @throws UserException if one is no regular expression
  static void check(List<String> targets, String source) {
    for (String target : targets) {
      if (rank(target) == 1) {
        var unused = pattern(target, source + ": a target in quantization_config");
      }
    }
  }
}
