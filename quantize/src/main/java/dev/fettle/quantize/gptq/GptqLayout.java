package dev.fettle.quantize.gptq;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.GroupIndex;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tensors GPTQ tools write for one quantized linear layer `M` (such as `….q_proj`).
///
/// ```
/// M.qweight  I32 [in · bits / 32, out]      codes without sign, least significant first, along in
/// M.qzeros   I32 [groups, out · bits / 32]  zero points packed along out; `gptq` stores each less
///                                           one, `gptq_v2` as it is
/// M.scales   F16 [groups, out]
/// M.g_idx    I32 [in]                       the group of each input column
/// ```
///
/// Source: AutoGPTQ 0.7.1, `nn_modules/qlinear/qlinear_cuda.py`; GPTQModel 7.7,
/// `nn_modules/qlinear/__init__.py`.
public final class GptqLayout {
  static final String CODES = ".qweight";
  static final String ZEROS = ".qzeros";
  static final String SCALES = ".scales";
  static final String GROUP_INDEX = ".g_idx";
  static final List<String> SUFFIXES = List.of(CODES, ZEROS, SCALES, GROUP_INDEX);

  /// The group sizes that GPTQModel and vLLM have kernels for.
  private static final List<Integer> GROUP_SIZES = List.of(16, 32, 64, 128, 256, 512, 1024);

  /// What both dimensions of a layer must be multiples of in these tools.
  private static final int MULTIPLE = 32;

  private GptqLayout() {}

  /// Words for so many codes.
  static long words(long codes, int bits) {
    return Math.ceilDiv(Math.multiplyExact(codes, (long) bits), 32L);
  }

  /// What [#tensors] will hold.
  ///
  /// @param secondFormat `gptq_v2` instead of `gptq`
  /// @throws UserException if the layout cannot hold the scheme, or the tools not load the layer
  public static List<TensorInfo> plan(
      String module, Shape shape, Scheme scheme, boolean secondFormat) {
    Scheme.Affine affine = storable(scheme, secondFormat);
    requireWholeWords(module, shape, affine);
    long groups = affine.granularity().scaleShape(shape).dim(1);
    long out = shape.dim(0);
    return List.of(
        info(module + CODES, DType.I32, words(shape.dim(1), affine.bits()), out),
        info(module + ZEROS, DType.I32, groups, words(out, affine.bits())),
        info(module + SCALES, DType.F16, groups, out),
        new TensorInfo(module + GROUP_INDEX, DType.I32, Shape.of(shape.dim(1))));
  }

  private static TensorInfo info(String name, DType dtype, long rows, long columns) {
    return new TensorInfo(name, dtype, Shape.of(rows, columns));
  }

  private static Scheme.Affine storable(Scheme scheme, boolean secondFormat) {
    if (!(scheme instanceof Scheme.Affine affine) || !GptqConfig.BITS.contains(affine.bits())) {
      throw new UserException(
          "GPTQ folders hold integers of 2, 3, 4 or 8 bits, not %s; choose such a scheme or --format compressed-tensors."
              .formatted(scheme));
    }
    if (!secondFormat && AffineTensor.hasZeroPoints(affine)) {
      throw new UserException(
          "The format gptq stores zero points less one, which tools read differently, so it takes symmetric schemes only, not %s; use --format gptq_v2, awq or compressed-tensors."
              .formatted(scheme));
    }
    switch (affine.granularity()) {
      case Granularity.PerGroup group when GROUP_SIZES.contains(group.size()) -> {}
      case Granularity.PerGroup group ->
          throw new UserException(
              "GPTQ tools have kernels for groups of %s, not %d; choose one of these or --format compressed-tensors."
                  .formatted(GROUP_SIZES, group.size()));
      case Granularity.PerChannel channel when channel.axis() == 0 -> {}
      case Granularity.PerChannel channel -> throw granularity(scheme);
      case Granularity.PerTensor tensor -> throw granularity(scheme);
      case Granularity.PerToken token -> throw granularity(scheme);
      case Granularity.PerBlock block -> throw granularity(scheme);
    }
    return affine;
  }

  private static UserException granularity(Scheme scheme) {
    return new UserException(
        "GPTQ folders have scales per group or per output channel, not %s; choose group=128 or channel, or --format compressed-tensors."
            .formatted(scheme));
  }

  private static void requireWholeWords(String module, Shape shape, Scheme.Affine scheme) {
    if (shape.dim(0) % MULTIPLE != 0 || shape.dim(1) % MULTIPLE != 0) {
      throw new UserException(
          "Layer %s has shape %s; GPTQ tools need multiples of %d in both dimensions; use --skip-modules or --format compressed-tensors."
              .formatted(module, shape, MULTIPLE));
    }
    if (scheme.granularity() instanceof Granularity.PerGroup group
        && shape.dim(1) % group.size() != 0) {
      throw new UserException(
          "Layer %s has rows of %d weights, which groups of %d do not divide; choose a group size that divides them, or --skip-modules."
              .formatted(module, shape.dim(1), group.size()));
    }
  }

  /// The tensors to write, in the order of [#plan].
  ///
  /// @throws UserException if float16 does not hold a scale exactly
  public static SequencedMap<String, HostTensor> tensors(
      String module, AffineTensor tensor, boolean secondFormat) {
    Shape shape = tensor.shape();
    int bits = storable(tensor.scheme(), secondFormat).bits();
    int outputs = Math.toIntExact(shape.dim(0));
    int columns = Math.toIntExact(shape.dim(1));
    long words = words(columns, bits);
    MemorySegment codes = Arena.ofAuto().allocate(4 * words * outputs, 64);
    WordMatrix.transpose(tensor.codes(), outputs, words, WordMatrix.flip(bits), codes);
    HostTensor scales = HalfScales.of(module, tensor, "GPTQ");
    int groups = Math.toIntExact(scales.shape().dim(0));
    int groupSize = Math.toIntExact(tensor.scheme().granularity().columnsPerScale(shape.dim(1)));
    HostTensor index = tensor.groupIndex();
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put(module + CODES, new HostTensor(DType.I32, Shape.of(words, outputs), codes));
    tensors.put(
        module + ZEROS, ZeroWords.pack(tensor.zeroPoints(), bits, outputs, groups, secondFormat));
    tensors.put(module + SCALES, scales);
    tensors.put(module + GROUP_INDEX, index == null ? GroupIndex.plain(columns, groupSize) : index);
    return tensors;
  }

  /// What `config.json` says, with the names of AutoGPTQ and those of GPTQModel.
  ///
  /// @param groupIndex whether groups may be other than runs of neighbouring columns
  /// @param skipped full paths of the linear layers inside decoder blocks that are not quantized
  /// @param quantized names within a block of the layers that are quantized, if these are the same
  ///   in every block; otherwise null
  public static ObjectNode quantizationConfig(
      Scheme.Affine scheme,
      boolean secondFormat,
      boolean groupIndex,
      List<String> skipped,
      @Nullable List<String> quantized) {
    String format = secondFormat ? GptqConfig.SECOND_FORMAT : GptqConfig.FIRST_FORMAT;
    ObjectNode config = Json.object();
    config.put("quant_method", GptqConfig.METHOD).put("method", GptqConfig.METHOD);
    config.put("checkpoint_format", format).put("format", format);
    config.put("bits", scheme.bits());
    config.put(
        "group_size",
        scheme.granularity() instanceof Granularity.PerGroup group ? group.size() : -1);
    config.put("sym", !AffineTensor.hasZeroPoints(scheme));
    config.put("desc_act", groupIndex);
    config.put("static_groups", false).put("true_sequential", true);
    config.put("damp_percent", 0.01).put("lm_head", false).put("pack_dtype", "int32");
    if (!skipped.isEmpty()) {
      ObjectNode dynamic = config.putObject("dynamic");
      skipped.forEach(module -> dynamic.putObject("-:^" + module.replace(".", "\\.") + "$"));
      if (quantized != null) {
        ArrayNode names = config.putArray("modules_in_block_to_quantize").addArray();
        quantized.forEach(names::add);
      }
    }
    config.putObject("meta").putArray("quantizer").add("fettle");
    return config;
  }
}
