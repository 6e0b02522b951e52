package dev.fettle.quantize;

import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.awq.AwqLayout;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import dev.fettle.quantize.compressedtensors.CompressedTensorsConfig;
import dev.fettle.quantize.compressedtensors.CompressedTensorsLayout;
import dev.fettle.quantize.gptq.GptqLayout;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Whose layout a quantized model folder is written in. A folder has one: the readers decide by its
/// `quant_method`.
public enum FolderFormat {
  /// 4-bit codes or LLM.int8, one scheme for all layers.
  BITSANDBYTES("bitsandbytes"),
  /// Integers and small floats, different ones for different layers; what vLLM prefers.
  COMPRESSED_TENSORS("compressed-tensors"),
  /// Symmetric integers with float16 scales, one scheme for all layers.
  GPTQ("gptq"),
  /// As [#GPTQ], also with zero points.
  GPTQ_V2("gptq_v2"),
  /// 4-bit integers with zero points and float16 scales, one scheme for all layers.
  AWQ("awq");

  private final String text;

  FolderFormat(String text) {
    this.text = text;
  }

  /// The name on the command line.
  public String text() {
    return text;
  }

  @Override
  public String toString() {
    return text;
  }

  /// The inverse of [#text].
  ///
  /// @throws UserException if there is no such format
  public static FolderFormat parse(String text) {
    return Arrays.stream(values())
        .filter(format -> format.text.equals(text))
        .findFirst()
        .orElseThrow(() ->
            new UserException(
                "Format '%s' is unknown; choose one of %s."
                    .formatted(text, Arrays.toString(values()))));
  }

  /// The dtype that this layout stores scales in, or null if it takes that of the weights.
  public @Nullable DType scaleDtype() {
    return switch (this) {
      case BITSANDBYTES, COMPRESSED_TENSORS -> null;
      case GPTQ, GPTQ_V2, AWQ -> DType.F16;
    };
  }

  /// The usual layout of these schemes.
  ///
  /// @param schemes those of all layers, by full path, without casts
  /// @throws UserException if no layout holds them all
  static FolderFormat of(SequencedMap<String, Scheme> schemes) {
    FolderFormat format = of(schemes.firstEntry().getValue());
    format.check(schemes);
    return format;
  }

  /// As the other `of`, unless the options name a format.
  static FolderFormat of(SequencedMap<String, Scheme> schemes, QuantizeOptions options) {
    FolderFormat wanted = options.format();
    if (wanted == null) {
      return of(schemes);
    }
    wanted.check(schemes);
    if (wanted.scaleDtype() != null && options.activations() != null) {
      throw new UserException(
          "The format %s has no place for quantized activations; use --format compressed-tensors."
              .formatted(wanted));
    }
    return wanted;
  }

  private void check(SequencedMap<String, Scheme> schemes) {
    Scheme first = schemes.firstEntry().getValue();
    for (Map.Entry<String, Scheme> entry : schemes.entrySet()) {
      Scheme scheme = entry.getValue();
      FolderFormat usual = of(scheme);
      if ((this == BITSANDBYTES) != (usual == BITSANDBYTES)) {
        throw schemes.sequencedValues().stream().distinct().count() > 1 && of(first) != usual
            ? mixed(first, entry)
            : new UserException(
                "The format %s cannot hold %s; leave out --format, or name %s."
                    .formatted(this, scheme, usual));
      }
      if (this != COMPRESSED_TENSORS && !first.equals(scheme)) {
        throw mixed(first, entry);
      }
    }
  }

  private UserException mixed(Scheme first, Map.Entry<String, Scheme> other) {
    return new UserException(
        "One folder cannot hold both %s and %s (%s): the layers of %s have one scheme; choose integer or fp8 schemes for all layers and --format compressed-tensors."
            .formatted(first, other.getValue(), other.getKey(), this));
  }

  private static FolderFormat of(Scheme scheme) {
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
              "Scheme %s belongs to GGUF files, which 'fettle export --outtype %s' writes; a model folder holds integer schemes such as int4:sym:group=32, or nf4, fp4, fp8_e4m3, mxfp4, nvfp4, llm.int8."
                  .formatted(ggml, ggml));
      case Scheme.Cast cast -> throw new IllegalArgumentException(cast.toString());
    };
  }

  List<TensorInfo> plan(TensorInfo weight, Scheme scheme, QuantizeOptions options) {
    String module = QuantizedWeights.module(weight.name());
    return switch (this) {
      case BITSANDBYTES ->
          BitsAndBytesLayout.plan(weight.name(), weight.shape(), weight.dtype(), scheme);
      case COMPRESSED_TENSORS ->
          CompressedTensorsLayout.plan(
              module,
              weight.shape(),
              weight.dtype(),
              scheme,
              options.activations(),
              options.groupIndex());
      case GPTQ -> GptqLayout.plan(module, weight.shape(), scheme, false);
      case GPTQ_V2 -> GptqLayout.plan(module, weight.shape(), scheme, true);
      case AWQ -> AwqLayout.plan(module, weight.shape(), scheme);
    };
  }

  SequencedMap<String, HostTensor> tensors(
      String weightName, QuantizedTensor quantized, QuantizeOptions options) {
    String module = QuantizedWeights.module(weightName);
    return switch (this) {
      case BITSANDBYTES -> BitsAndBytesLayout.tensors(weightName, quantized);
      case COMPRESSED_TENSORS ->
          CompressedTensorsLayout.tensors(
              module,
              quantized,
              options.activations(),
              options.groupIndex(),
              options.inputParameters().get(module));
      case GPTQ -> GptqLayout.tensors(module, (AffineTensor) quantized, false);
      case GPTQ_V2 -> GptqLayout.tensors(module, (AffineTensor) quantized, true);
      case AWQ -> AwqLayout.tensors(module, (AffineTensor) quantized);
    };
  }

  /// Describes the layers' formats in a model's configuration.
  void writeConfig(
      ObjectNode configJson,
      SequencedMap<String, Scheme> schemes,
      List<String> plainLinears,
      QuantizeOptions options,
      DType computeDtype) {
    Scheme first = schemes.firstEntry().getValue();
    switch (this) {
      case BITSANDBYTES ->
          configJson.set(
              "quantization_config",
              BitsAndBytesLayout.quantizationConfig(first, computeDtype, options.skipModules()));
      case COMPRESSED_TENSORS ->
          compressedTensors(schemes, plainLinears, options).writeInto(configJson);
      case GPTQ, GPTQ_V2 ->
          configJson.set(
              "quantization_config",
              GptqLayout.quantizationConfig(
                  (Scheme.Affine) first,
                  this == GPTQ_V2,
                  options.groupIndex(),
                  plainLinears,
                  BlockNames.common(schemes.sequencedKeySet(), plainLinears)));
      case AWQ ->
          configJson.set(
              "quantization_config",
              AwqLayout.quantizationConfig((Scheme.Affine) first, plainLinears));
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
                targets.size() == 1 ? List.of("Linear") : modules,
                scheme,
                options.activations(),
                CompressedTensorsLayout.hasGroupIndex(scheme, options.groupIndex()))));
    List<String> ignore = new ArrayList<>(plainLinears);
    ignore.add("lm_head");
    return new CompressedTensorsConfig(groups, ignore);
  }
}
