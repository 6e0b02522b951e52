package dev.fettle.lora;

import dev.fettle.tensor.UserException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// The configuration of an adapter; names, meaning and defaults as in PEFT's `LoraConfig`, except
/// that the default target is every linear layer.
///
/// @param r rank of the update
/// @param loraAlpha the update is scaled by `lora_alpha / r`
/// @param loraDropout probability that an input of A is zeroed while training
/// @param targetModules which layers are adapted
/// @param useRslora scale by `lora_alpha / sqrt(r)` instead; Kalajdzievski 2023, arXiv:2312.03732
/// @param rankPattern layers (names or regular expressions) with another rank; of several that
///   match, the first counts
/// @param alphaPattern layers with another alpha
/// @param baseModel path or name of the base model, or null
public record LoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    TargetModules targetModules,
    boolean useRslora,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    @Nullable String baseModel) {

  /// @throws UserException if a value is outside its range
  public LoraConfig {
    if (r < 1) {
      throw new UserException("lora_r must be 1 or more, not " + r + ".");
    }
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw new UserException(
          "lora_dropout must be at least 0 and below 1, not " + loraDropout + ".");
    }
    if (!Double.isFinite(loraAlpha) || loraAlpha <= 0) {
      throw new UserException("lora_alpha must be above 0, not " + loraAlpha + ".");
    }
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    rankPattern.forEach((name, rank) -> {
      if (rank < 1) {
        throw new UserException(
            "rank_pattern['%s'] must be 1 or more, not %d.".formatted(name, rank));
      }
    });
  }

  /// An adapter of one rank everywhere.
  public static LoraConfig of(int r, double loraAlpha, TargetModules targetModules) {
    return new LoraConfig(r, loraAlpha, 0, targetModules, false, Map.of(), Map.of(), null);
  }

  public LoraConfig withBaseModel(@Nullable String base) {
    return new LoraConfig(
        r, loraAlpha, loraDropout, targetModules, useRslora, rankPattern, alphaPattern, base);
  }

  /// The rank of one layer.
  public int rankOf(String path) {
    Integer special = lookUp(rankPattern, path);
    return special == null ? r : special;
  }

  /// What the update `B · A` of one layer is multiplied with.
  public double scaleOf(String path) {
    Double special = lookUp(alphaPattern, path);
    double alpha = special == null ? loraAlpha : special;
    int rank = rankOf(path);
    return useRslora ? alpha / Math.sqrt(rank) : alpha / rank;
  }

  /// PEFT's rule: the pattern must match the end of the path, at a dot.
  private static <T> @Nullable T lookUp(Map<String, T> patterns, String path) {
    for (Map.Entry<String, T> entry : patterns.entrySet()) {
      if (matchesTail(entry.getKey(), path)) {
        return entry.getValue();
      }
    }
    return null;
  }

  private static boolean matchesTail(String pattern, String path) {
    try {
      return Pattern.matches("(.*\\.)?(" + pattern + ")", path);
    } catch (PatternSyntaxException e) {
      throw new UserException(
          "The name pattern '%s' of an adapter is not a regular expression: %s."
              .formatted(pattern, e.getDescription()),
          e);
    }
  }
}
