package dev.fettle.quantize.compressedtensors;

import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The `quantization_config` of compressed-tensors: which modules are quantized how.
///
/// Source: compressed-tensors 0.17, `quantization/quant_config.py`, `quant_scheme.py`,
/// `quant_args.py`. Its readers reject unknown keys, so what they have no word for (unsigned and
/// restricted integers, which compute the same) stands under `fettle` in `config.json`.
///
/// @param groups in order
/// @param ignore modules that are not quantized
public record CompressedTensorsConfig(List<Group> groups, List<String> ignore) {
  static final String METHOD = "compressed-tensors";

  /// @param targets module names, `re:` patterns, or the class `Linear`
  /// @param groupIndex whether each weight stores which of its columns are in which group
  ///   (`actorder` "group")
  public record Group(
      List<String> targets,
      Scheme weights,
      @Nullable ActivationQuantization activations,
      boolean groupIndex) {

    /// With groups of neighbouring columns.
    public Group(
        List<String> targets, Scheme weights, @Nullable ActivationQuantization activations) {
      this(targets, weights, activations, false);
    }
  }

  public CompressedTensorsConfig {
    groups = List.copyOf(groups);
    ignore = List.copyOf(ignore);
  }

  /// The group of a linear layer, or null if it is not quantized. A name counts before a pattern,
  /// patterns in the order of their text, and both before a class.
  @Nullable Group groupOf(String module) {
    if (ignore.stream().anyMatch(target -> Targets.matches(target, module))) {
      return null;
    }
    Group found = null;
    String best = null;
    for (Group group : groups) {
      for (String target : group.targets()) {
        boolean better = best == null || Targets.PRECEDENCE.compare(target, best) < 0;
        if (better && Targets.matches(target, module)) {
          found = group;
          best = target;
        }
      }
    }
    return found;
  }

  // ---------------------------------------------------------------------------------------- write

  /// Adds `quantization_config` and the schemes' own names to a model's configuration.
  public void writeInto(ObjectNode configJson) {
    ObjectNode config = configJson.putObject("quantization_config");
    config.put("quant_method", METHOD);
    List<String> formats = groups.stream().map(CompressedTensorsConfig::format).distinct().toList();
    config.put("format", formats.size() == 1 ? formats.getFirst() : "mixed-precision");
    config.put("quantization_status", "compressed");
    config.putNull("kv_cache_scheme");
    config.putNull("global_compression_ratio");
    ArrayNode ignored = config.putArray("ignore");
    ignore.forEach(ignored::add);
    ObjectNode groupsJson = config.putObject("config_groups");
    ObjectNode schemes = configJson.putObject("fettle").putObject("schemes");
    for (int i = 0; i < groups.size(); i++) {
      Group group = groups.get(i);
      ObjectNode json = groupsJson.putObject("group_" + i);
      ArrayNode targets = json.putArray("targets");
      group.targets().forEach(targets::add);
      json.set("weights", WeightArguments.json(group));
      ActivationQuantization activations = group.activations();
      if (activations == null) {
        json.putNull("input_activations");
      } else {
        json.set("input_activations", WeightArguments.json(activations));
      }
      json.putNull("output_activations");
      json.put("format", format(group));
      ObjectNode names = schemes.putObject("group_" + i);
      names.put("weights", group.weights().toString());
      if (activations != null) {
        names.put("input_activations", activations.toString());
      }
    }
  }

  /// The name of the layout of a group's tensors.
  static String format(Group group) {
    return switch (group.weights()) {
      case Scheme.Affine affine -> group.activations() == null ? "pack-quantized" : "int-quantized";
      case Scheme.Float8 float8 -> "float-quantized";
      case Scheme.Mxfp4 mxfp4 -> "mxfp4-pack-quantized";
      case Scheme.Nvfp4 nvfp4 -> "nvfp4-pack-quantized";
      case Scheme.Nf4 nf4 -> throw new IllegalArgumentException(nf4.toString());
      case Scheme.Fp4 fp4 -> throw new IllegalArgumentException(fp4.toString());
      case Scheme.LlmInt8 int8 -> throw new IllegalArgumentException(int8.toString());
      case Scheme.Ggml ggml -> throw new IllegalArgumentException(ggml.toString());
      case Scheme.Cast cast -> throw new IllegalArgumentException(cast.toString());
    };
  }

  // ----------------------------------------------------------------------------------------- read

  /// @param configJson a whole `config.json` with a `quantization_config` of compressed-tensors
  /// @param source what to call it in messages
  /// @throws UserException if a group is malformed or of a kind that is not supported
  static CompressedTensorsConfig parse(ObjectNode configJson, String source) {
    JsonNode config = configJson.path("quantization_config");
    SupportedLayouts.check(config, source);
    List<Group> groups = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : config.path("config_groups").properties()) {
      groups.add(group(entry.getKey(), entry.getValue(), configJson, source));
    }
    List<String> ignore = new ArrayList<>();
    config.path("ignore").forEach(node -> ignore.add(node.asString("")));
    groups.forEach(group -> Targets.check(group.targets(), source));
    Targets.check(ignore, source);
    return new CompressedTensorsConfig(groups, ignore);
  }

  private static Group group(String name, JsonNode json, ObjectNode configJson, String source) {
    String where = source + ": quantization_config.config_groups." + name;
    List<String> targets = new ArrayList<>();
    json.path("targets").forEach(node -> targets.add(node.asString("")));
    if (targets.isEmpty()) {
      throw new UserException(where + " has no targets; expected module names or \"Linear\".");
    }
    if (!json.path("output_activations").isNull()
        && !json.path("output_activations").isMissingNode()) {
      throw new UserException(where + " quantizes output activations, which is not supported.");
    }
    JsonNode own = configJson.path("fettle").path("schemes").path(name);
    Scheme weights = WeightArguments.scheme(json.path("weights"), where + ".weights");
    JsonNode inputs = json.path("input_activations");
    ActivationQuantization activations =
        inputs.isNull() || inputs.isMissingNode()
            ? null
            : WeightArguments.activations(inputs, where + ".input_activations");
    return new Group(
        targets,
        refine(weights, own.path("weights").asString("")),
        activations == null
            ? null
            : new ActivationQuantization(
                (Scheme.Affine)
                    refine(activations.scheme(), own.path("input_activations").asString(""))),
        WeightArguments.groupIndex(json.path("weights")));
  }

  /// The scheme's own name, if it says the same as compressed-tensors' words.
  private static Scheme refine(Scheme scheme, String own) {
    if (own.isEmpty()
        || !(scheme instanceof Scheme.Affine affine)
        || !(Scheme.parse(own) instanceof Scheme.Affine named)) {
      return scheme;
    }
    boolean same =
        affine.bits() == named.bits()
            && affine.granularity().equals(named.granularity())
            && WeightArguments.symmetric(named) == WeightArguments.symmetric(affine);
    return same ? named : scheme;
  }

  /// What a `quantization_config` of this kind says it is.
  public static boolean isOf(@Nullable ObjectNode quantizationConfig) {
    return quantizationConfig != null
        && quantizationConfig.path("quant_method").asString("").equals(METHOD);
  }
}
