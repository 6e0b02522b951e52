package dev.fettle.quantize.awq;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.gptq.HalfScales;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tensors AutoAWQ's GEMM format has for one quantized linear layer `M` (such as `….q_proj`).
///
/// ```
/// M.qweight  I32 [in, out / 8]      codes without sign; lanes hold the outputs 0 2 4 6 1 3 5 7
/// M.qzeros   I32 [groups, out / 8]  zero points in the same lanes
/// M.scales   F16 [groups, out]
/// ```
///
/// Source: AutoAWQ 0.2.7, `modules/linear/gemm.py` and `utils/packing_utils.py`.
public final class AwqLayout {
  static final String CODES = ".qweight";
  static final String ZEROS = ".qzeros";
  static final String SCALES = ".scales";
  static final List<String> SUFFIXES = List.of(CODES, ZEROS, SCALES);

  /// The group sizes that GPTQModel and vLLM have kernels for.
  private static final List<Integer> GROUP_SIZES = List.of(16, 32, 64, 128);

  private AwqLayout() {}

  /// What [#tensors] will hold.
  ///
  /// @throws UserException if the layout cannot hold the scheme, or the tools not load the layer
  public static List<TensorInfo> plan(String module, Shape shape, Scheme scheme) {
    Scheme.Affine affine = storable(scheme);
    if (shape.dim(0) % 8 != 0 || shape.dim(1) % 8 != 0) {
      throw new UserException(
          "Layer %s has shape %s; AWQ needs multiples of 8 in both dimensions; use --skip-modules or --format compressed-tensors."
              .formatted(module, shape));
    }
    if (affine.granularity() instanceof Granularity.PerGroup group
        && shape.dim(1) % group.size() != 0) {
      throw new UserException(
          "Layer %s has rows of %d weights, which groups of %d do not divide; choose a group size that divides them, or --skip-modules."
              .formatted(module, shape.dim(1), group.size()));
    }
    long groups = affine.granularity().scaleShape(shape).dim(1);
    long out = shape.dim(0);
    return List.of(
        new TensorInfo(module + CODES, DType.I32, Shape.of(shape.dim(1), out / 8)),
        new TensorInfo(module + ZEROS, DType.I32, Shape.of(groups, out / 8)),
        new TensorInfo(module + SCALES, DType.F16, Shape.of(groups, out)));
  }

  private static Scheme.Affine storable(Scheme scheme) {
    if (!(scheme instanceof Scheme.Affine affine) || affine.bits() != AwqConfig.BITS) {
      throw new UserException(
          "AWQ folders hold 4-bit integers, not %s; choose int4:asym:group=128, or --format gptq or compressed-tensors."
              .formatted(scheme));
    }
    boolean fits =
        switch (affine.granularity()) {
          case Granularity.PerGroup group -> GROUP_SIZES.contains(group.size());
          case Granularity.PerChannel channel -> channel.axis() == 0;
          case Granularity.PerTensor tensor -> false;
          case Granularity.PerToken token -> false;
          case Granularity.PerBlock block -> false;
        };
    if (!fits) {
      throw new UserException(
          "AWQ tools have kernels for scales per output channel or groups of %s, not %s; choose one of these or --format compressed-tensors."
              .formatted(GROUP_SIZES, scheme));
    }
    return affine;
  }

  /// The tensors to write, in the order of [#plan].
  ///
  /// @throws UserException if float16 does not hold a scale exactly, or the columns' groups are not
  ///   runs of neighbours
  public static SequencedMap<String, HostTensor> tensors(String module, AffineTensor tensor) {
    storable(tensor.scheme());
    if (tensor.groupIndex() != null) {
      throw new UserException(
          "Layer %s has its columns grouped by activation, for which AWQ has no place; use --format gptq or compressed-tensors."
              .formatted(module));
    }
    long outputs = tensor.shape().dim(0);
    long inputs = tensor.shape().dim(1);
    MemorySegment words = Arena.ofAuto().allocate(outputs * inputs / 2, 64);
    NibbleMatrix.toWords(tensor.codes(), inputs, outputs, words);
    HostTensor scales = HalfScales.of(module, tensor, "AWQ");
    int groups = Math.toIntExact(scales.shape().dim(0));
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put(module + CODES, new HostTensor(DType.I32, Shape.of(inputs, outputs / 8), words));
    tensors.put(
        module + ZEROS, LaneZeros.pack(tensor.zeroPoints(), Math.toIntExact(outputs), groups));
    tensors.put(module + SCALES, scales);
    return tensors;
  }

  /// What `config.json` says, with the names of AutoAWQ and those of GPTQModel.
  ///
  /// @param skipped full paths of linear layers that are not quantized
  public static ObjectNode quantizationConfig(Scheme.Affine scheme, List<String> skipped) {
    ObjectNode config = Json.object();
    config.put("quant_method", AwqConfig.METHOD).put("method", AwqConfig.METHOD);
    config.put("version", AwqConfig.FORMAT).put("format", AwqConfig.FORMAT);
    config.put("bits", AwqConfig.BITS);
    config.put(
        "group_size",
        scheme.granularity() instanceof Granularity.PerGroup group ? group.size() : -1);
    config.put("zero_point", true); // stored for every group, also where it is the middle
    ArrayNode names = config.putArray("modules_to_not_convert").add("lm_head");
    skipped.forEach(names::add);
    return config;
  }
}
