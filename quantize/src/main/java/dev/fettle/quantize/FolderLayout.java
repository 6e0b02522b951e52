package dev.fettle.quantize;

import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import dev.fettle.quantize.compressedtensors.CompressedTensorsConfig;
import dev.fettle.quantize.compressedtensors.CompressedTensorsLayout;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Whose layout a quantized model folder is written in. A folder has one: the readers decide by its
/// `quant_method`.
enum FolderLayout {
  /// bitsandbytes: one 4-bit code or LLM.int8 for all layers.
  BITSANDBYTES,
  /// compressed-tensors: integers and small floats, different ones for different layers.
  COMPRESSED_TENSORS;

  /// @param schemes those of all layers, by full path, without casts
  /// @throws UserException if no layout holds them all
  static FolderLayout of(SequencedMap<String, Scheme> schemes) {
    @Nullable Scheme first = null;
    for (Map.Entry<String, Scheme> entry : schemes.entrySet()) {
      Scheme scheme = entry.getValue();
      if (first == null) {
        first = scheme;
      }
      boolean together = of(first) == COMPRESSED_TENSORS && of(scheme) == COMPRESSED_TENSORS;
      if (!together && !first.equals(scheme)) {
        throw new UserException(
            "One folder cannot hold both %s and %s (%s): bitsandbytes' formats do not mix; choose integer or fp8 schemes for all layers."
                .formatted(first, scheme, entry.getKey()));
      }
    }
    if (first == null) {
      throw new IllegalArgumentException("no layer is quantized");
    }
    return of(first);
  }

  private static FolderLayout of(Scheme scheme) {
    return switch (scheme) {
      case Scheme.Nf4 nf4 -> BITSANDBYTES;
      case Scheme.Fp4 fp4 -> BITSANDBYTES;
      case Scheme.LlmInt8 int8 -> BITSANDBYTES;
      case Scheme.Affine affine -> COMPRESSED_TENSORS;
      case Scheme.Float8 float8 -> COMPRESSED_TENSORS;
      case Scheme.Mxfp4 mxfp4 -> COMPRESSED_TENSORS;
      case Scheme.Nvfp4 nvfp4 -> COMPRESSED_TENSORS;
      case Scheme.Ggml ggml ->
          throw new UserException(
              "Scheme %s belongs to GGUF files; a model folder holds integer schemes such as int4:sym:group=32, or nf4, fp4, fp8_e4m3, mxfp4, nvfp4, llm.int8."
                  .formatted(ggml));
      case Scheme.Cast cast -> throw new IllegalArgumentException(cast.toString());
    };
  }

  List<TensorInfo> plan(TensorInfo weight, Scheme scheme, QuantizeOptions options) {
    return switch (this) {
      case BITSANDBYTES ->
          BitsAndBytesLayout.plan(weight.name(), weight.shape(), weight.dtype(), scheme);
      case COMPRESSED_TENSORS ->
          CompressedTensorsLayout.plan(
              QuantizedWeights.module(weight.name()),
              weight.shape(),
              weight.dtype(),
              scheme,
              options.activations());
    };
  }

  SequencedMap<String, HostTensor> tensors(
      String weightName, QuantizedTensor quantized, QuantizeOptions options) {
    String module = QuantizedWeights.module(weightName);
    return switch (this) {
      case BITSANDBYTES -> BitsAndBytesLayout.tensors(weightName, quantized);
      case COMPRESSED_TENSORS ->
          CompressedTensorsLayout.tensors(
              module, quantized, options.activations(), options.inputParameters().get(module));
    };
  }

  /// Describes the layers' formats in a model's configuration.
  void writeConfig(
      ObjectNode configJson,
      SequencedMap<String, Scheme> schemes,
      List<String> plainLinears,
      QuantizeOptions options,
      DType computeDtype) {
    switch (this) {
      case BITSANDBYTES ->
          configJson.set(
              "quantization_config",
              BitsAndBytesLayout.quantizationConfig(
                  schemes.firstEntry().getValue(), computeDtype, options.skipModules()));
      case COMPRESSED_TENSORS ->
          compressedTensors(schemes, plainLinears, options).writeInto(configJson);
    }
  }

  /// One group for all layers, or one per scheme with the layers by name.
  private static CompressedTensorsConfig compressedTensors(
      SequencedMap<String, Scheme> schemes, List<String> plainLinears, QuantizeOptions options) {
    SequencedMap<Scheme, List<String>> targets = new LinkedHashMap<>();
    schemes.forEach(
        (module, scheme) -> targets.computeIfAbsent(scheme, key -> new ArrayList<>()).add(module));
    List<CompressedTensorsConfig.Group> groups = new ArrayList<>();
    targets.forEach((scheme, modules) ->
        groups.add(
            new CompressedTensorsConfig.Group(
                targets.size() == 1 ? List.of("Linear") : modules, scheme, options.activations())));
    List<String> ignore = new ArrayList<>(plainLinears);
    ignore.add("lm_head");
    return new CompressedTensorsConfig(groups, ignore);
  }
}
