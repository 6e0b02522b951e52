package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What to quantize and how.
///
/// @param scheme number format of the linear layers
/// @param moduleSchemes another format for some layers, by their full path
/// @param activations how the layers' inputs are quantized, or null for weights only
/// @param inputParameters calibrated parameters of static activations, by the layer's full path
/// @param computeDtype F32, BF16 or F16; the dtype that later runs should compute in, recorded in
///   `config.json` where the layout has a place for it; null is float32 for float32 weights and
///   bfloat16 for 16-bit ones
/// @param skipModules names of modules to leave as they are: a full path, or its last part such as
///   `down_proj`. Embeddings, norms and the output head are never quantized.
/// @param nanPolicy what happens to weights that are not finite
/// @param format whose layout the folder is written in; null is the usual one of the scheme
/// @param groupIndex whether weights may come with groups that are not runs of neighbouring
///   columns, for which the folder then has a place
/// @param overwrite whether an output folder that already holds a model is replaced
public record QuantizeOptions(
    Scheme scheme,
    Map<String, Scheme> moduleSchemes,
    @Nullable ActivationQuantization activations,
    Map<String, AffineParameters> inputParameters,
    @Nullable DType computeDtype,
    List<String> skipModules,
    NanPolicy nanPolicy,
    @Nullable FolderFormat format,
    boolean groupIndex,
    boolean overwrite) {
  public QuantizeOptions {
    moduleSchemes = Map.copyOf(moduleSchemes);
    inputParameters = Map.copyOf(inputParameters);
    skipModules = List.copyOf(skipModules);
  }

  /// Weights only, refusing what is not finite, into a new folder.
  public QuantizeOptions(Scheme scheme, @Nullable DType computeDtype, List<String> skipModules) {
    this(
        scheme,
        Map.of(),
        null,
        Map.of(),
        computeDtype,
        skipModules,
        NanPolicy.REFUSE,
        null,
        false,
        false);
  }

  /// All linear layers to one scheme, weights only.
  public static QuantizeOptions of(Scheme scheme) {
    return new QuantizeOptions(scheme, null, List.of());
  }

  public QuantizeOptions withModuleSchemes(Map<String, Scheme> schemes) {
    return new QuantizeOptions(
        scheme,
        schemes,
        activations,
        inputParameters,
        computeDtype,
        skipModules,
        nanPolicy,
        format,
        groupIndex,
        overwrite);
  }

  /// @param parameters by the layer's full path; empty for dynamic activations
  public QuantizeOptions withActivations(
      @Nullable ActivationQuantization wanted, Map<String, AffineParameters> parameters) {
    return new QuantizeOptions(
        scheme,
        moduleSchemes,
        wanted,
        parameters,
        computeDtype,
        skipModules,
        nanPolicy,
        format,
        groupIndex,
        overwrite);
  }

  public QuantizeOptions withNanPolicy(NanPolicy policy) {
    return new QuantizeOptions(
        scheme,
        moduleSchemes,
        activations,
        inputParameters,
        computeDtype,
        skipModules,
        policy,
        format,
        groupIndex,
        overwrite);
  }

  public QuantizeOptions withOverwrite(boolean replace) {
    return new QuantizeOptions(
        scheme,
        moduleSchemes,
        activations,
        inputParameters,
        computeDtype,
        skipModules,
        nanPolicy,
        format,
        groupIndex,
        replace);
  }

  /// @param wanted null for the usual format of the scheme
  public QuantizeOptions withFormat(@Nullable FolderFormat wanted) {
    return new QuantizeOptions(
        scheme,
        moduleSchemes,
        activations,
        inputParameters,
        computeDtype,
        skipModules,
        nanPolicy,
        wanted,
        groupIndex,
        overwrite);
  }

  public QuantizeOptions withGroupIndex(boolean wanted) {
    return new QuantizeOptions(
        scheme,
        moduleSchemes,
        activations,
        inputParameters,
        computeDtype,
        skipModules,
        nanPolicy,
        format,
        wanted,
        overwrite);
  }

  /// The dtype that the scales of integers are stored in; null for that of the weights.
  public @Nullable DType scaleDtype() {
    return format == null ? null : format.scaleDtype();
  }

  /// The scheme of a linear layer, or null if it stays as it is.
  ///
  /// @param module full path
  public @Nullable Scheme schemeOf(String module) {
    boolean skipped =
        skipModules.stream().anyMatch(skip -> module.equals(skip) || module.endsWith("." + skip));
    return skipped ? null : moduleSchemes.getOrDefault(module, scheme);
  }
}
