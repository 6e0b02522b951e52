package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;

/// The keys of [RopeScaling], and the defaults of transformers' `modeling_rope_utils.py`.
final class RopeScalingKeys {
  static final String ORIGINAL_LENGTH = "original_max_position_embeddings";
  private static final String TYPE = "rope_type";
  private static final String FACTOR = "factor";
  private static final String ATTENTION_FACTOR = "attention_factor";
  private static final double BETA_FAST = 32;
  private static final double BETA_SLOW = 1;

  private RopeScalingKeys() {}

  /// @param parameters the object of the rotary embedding
  /// @param config the whole configuration; an original length there has precedence
  /// @param positions `max_position_embeddings`
  /// @return null for none or `default`
  /// @throws UserException for kinds that are not supported
  static @Nullable RopeScaling read(ConfigKeys parameters, ConfigKeys config, int positions) {
    String type = parameters.string(TYPE, parameters.string("type", "default"));
    return switch (type) {
      case "default" -> null;
      case "linear" -> new RopeScaling.Linear(factor(parameters));
      case "dynamic" -> new RopeScaling.Dynamic(factor(parameters), positions);
      case "llama3" ->
          new RopeScaling.Llama3(
              factor(parameters),
              parameters.requiredNumber("low_freq_factor"),
              parameters.requiredNumber("high_freq_factor"),
              originalLength(parameters, config, positions));
      case "yarn" -> yarn(parameters, originalLength(parameters, config, positions), positions);
      case "longrope", "su" ->
          longrope(parameters, originalLength(parameters, config, positions), positions);
      default ->
          throw new UserException(
              "RoPE scaling '%s' in %s is not supported yet; supported: default, linear, dynamic, yarn, longrope, llama3."
                  .formatted(type, parameters.source()));
    };
  }

  private static double factor(ConfigKeys parameters) {
    double factor = parameters.requiredNumber(FACTOR);
    if (!(factor > 0)) {
      throw new UserException(
          "Key 'factor' of the RoPE scaling in %s must be positive, found %s."
              .formatted(parameters.source(), factor));
    }
    return factor;
  }

  private static int originalLength(ConfigKeys parameters, ConfigKeys config, int positions) {
    return config.positiveInt(ORIGINAL_LENGTH, parameters.positiveInt(ORIGINAL_LENGTH, positions));
  }

  private static RopeScaling.Yarn yarn(ConfigKeys parameters, int original, int positions) {
    double factor =
        parameters.get(FACTOR) == null ? (double) positions / original : factor(parameters);
    return new RopeScaling.Yarn(
        factor,
        parameters.number(ATTENTION_FACTOR, yarnAttentionFactor(parameters, factor)),
        orDefault(parameters.number("beta_fast", 0), BETA_FAST),
        orDefault(parameters.number("beta_slow", 0), BETA_SLOW),
        parameters.bool("truncate", true),
        original);
  }

  private static double orDefault(double value, double fallback) {
    return value == 0 ? fallback : value;
  }

  private static double yarnAttentionFactor(ConfigKeys parameters, double factor) {
    double scale = parameters.number("mscale", 0);
    double allDims = parameters.number("mscale_all_dim", 0);
    return scale != 0 && allDims != 0
        ? yarnScale(factor, scale) / yarnScale(factor, allDims)
        : yarnScale(factor, 1);
  }

  private static double yarnScale(double factor, double scale) {
    return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  }

  private static RopeScaling.Longrope longrope(ConfigKeys parameters, int original, int positions) {
    double factor = parameters.number(FACTOR, (double) positions / original);
    double usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
    List<Double> shortFactor = numbers(parameters, "short_factor");
    List<Double> longFactor = numbers(parameters, "long_factor");
    if (shortFactor.size() != longFactor.size()) {
      throw new UserException(
          "short_factor and long_factor in %s have %d and %d numbers; expected as many."
              .formatted(parameters.source(), shortFactor.size(), longFactor.size()));
    }
    return new RopeScaling.Longrope(
        shortFactor, longFactor, parameters.number(ATTENTION_FACTOR, usual), original);
  }

  private static List<Double> numbers(ConfigKeys parameters, String key) {
    @Nullable JsonNode node = parameters.get(key);
    List<Double> values = new ArrayList<>();
    if (node instanceof ArrayNode array) {
      array.forEach(each -> values.add(each.isNumber() ? each.doubleValue() : 0));
    }
    if (values.isEmpty() || values.stream().anyMatch(value -> !(value > 0))) {
      throw new UserException(
          "Key '%s' of the RoPE scaling in %s: expected a list of positive numbers, found %s."
              .formatted(key, parameters.source(), node));
    }
    return values;
  }
}
