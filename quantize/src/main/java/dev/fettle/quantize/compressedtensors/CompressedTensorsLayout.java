package dev.fettle.quantize.compressedtensors;

import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.CodebookTensor;
import dev.fettle.quantize.Float8Tensor;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.LlmInt8Tensor;
import dev.fettle.quantize.Mxfp4Tensor;
import dev.fettle.quantize.Nvfp4Tensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The tensors compressed-tensors writes for one quantized linear layer `M` (such as `….q_proj`).
///
/// ```
/// pack-quantized  M.weight_packed      I32 [out, words]   codes without sign, least significant first
///                 M.weight_scale       float [out, groups], [out, 1] or [1]
///                 M.weight_shape       I64 [2] = out, in
///                 M.weight_zero_point  I32 [words, groups] packed along the rows (group, channel),
///                                      I8 as the scales (tensor, block); asymmetric only
/// int-quantized   M.weight             I8 [out, in]
///                 M.weight_scale       float
///                 M.weight_zero_point  I8 as the scales; asymmetric only
///                 M.input_scale        float [1]          static activations only
///                 M.input_zero_point   I8 [1]             asymmetric static activations only
/// ```
///
/// For small floating-point numbers see `FloatLayout`.
///
/// Source: compressed-tensors 0.17, `compressors/pack_quantized` and `compressors/naive_quantized`.
public final class CompressedTensorsLayout {
  static final String PACKED = ".weight_packed";
  static final String SCALE = ".weight_scale";
  static final String SHAPE = ".weight_shape";
  static final String ZERO_POINT = ".weight_zero_point";
  static final String GROUP_INDEX = ".weight_g_idx";
  static final String INPUT_SCALE = ".input_scale";
  static final String INPUT_ZERO_POINT = ".input_zero_point";

  /// Everything that can belong to a layer, the weight itself included.
  static final List<String> SUFFIXES =
      List.of(
          ".weight",
          PACKED,
          SCALE,
          SHAPE,
          ZERO_POINT,
          ".weight_global_scale",
          GROUP_INDEX,
          INPUT_SCALE,
          INPUT_ZERO_POINT,
          ".input_global_scale");

  private CompressedTensorsLayout() {}

  /// What [#tensors] will hold for a weight of this shape and dtype, before it is quantized.
  ///
  /// @param groupIndex whether groups may be other than runs of neighbouring columns
  /// @throws UserException if compressed-tensors has no word for the scheme
  public static List<TensorInfo> plan(
      String module,
      Shape shape,
      DType dtype,
      Scheme scheme,
      @Nullable ActivationQuantization activations,
      boolean groupIndex) {
    List<TensorInfo> plan = new ArrayList<>();
    if (hasGroupIndex(scheme, groupIndex)) {
      plan.add(new TensorInfo(module + GROUP_INDEX, DType.I32, Shape.of(shape.dim(1))));
    }
    switch (scheme) {
      case Scheme.Affine affine -> planAffine(module, shape, dtype, affine, activations, plan);
      case Scheme.Float8 float8 -> {
        requireNoActivations(scheme, activations);
        plan.addAll(FloatLayout.plan(module, shape, dtype, float8));
      }
      case Scheme.Mxfp4 mxfp4 -> {
        requireNoActivations(scheme, activations);
        FloatLayout.requireBlocks(module, shape, scheme, Scheme.Mxfp4.BLOCK_SIZE);
        plan.addAll(FloatLayout.planMxfp4(module, shape));
      }
      case Scheme.Nvfp4 nvfp4 -> {
        requireNoActivations(scheme, activations);
        FloatLayout.requireBlocks(module, shape, scheme, Scheme.Nvfp4.BLOCK_SIZE);
        plan.addAll(FloatLayout.planNvfp4(module, shape));
      }
      case Scheme.Nf4 nf4 -> throw foreign(scheme);
      case Scheme.Fp4 fp4 -> throw foreign(scheme);
      case Scheme.LlmInt8 int8 -> throw foreign(scheme);
      case Scheme.Ggml ggml -> throw foreign(scheme);
      case Scheme.Cast cast -> throw foreign(scheme);
    }
    return plan;
  }

  /// Whether layers of this scheme say which column is in which group.
  public static boolean hasGroupIndex(Scheme scheme, boolean wanted) {
    return wanted
        && scheme instanceof Scheme.Affine affine
        && affine.granularity() instanceof Granularity.PerGroup;
  }

  private static UserException foreign(Scheme scheme) {
    return new UserException("compressed-tensors has no layout for " + scheme + ".");
  }

  private static void requireNoActivations(
      Scheme scheme, @Nullable ActivationQuantization activations) {
    if (activations != null) {
      throw new UserException(
          "With quantized activations the weights must be 8-bit integers, not %s."
              .formatted(scheme));
    }
  }

  private static void planAffine(
      String module,
      Shape shape,
      DType dtype,
      Scheme.Affine scheme,
      @Nullable ActivationQuantization activations,
      List<TensorInfo> plan) {
    checkStorable(module, shape, scheme, activations);
    if (activations == null) {
      long words = WordPacking.words(shape.dim(1), scheme.bits());
      plan.add(new TensorInfo(module + PACKED, DType.I32, Shape.of(shape.dim(0), words)));
    } else {
      plan.add(new TensorInfo(module + ".weight", DType.I8, shape));
    }
    Shape scales = storedScales(shape, scheme.granularity());
    plan.add(new TensorInfo(module + SCALE, dtype, scales));
    if (activations == null) {
      plan.add(new TensorInfo(module + SHAPE, DType.I64, Shape.of(2)));
    }
    if (AffineTensor.hasZeroPoints(scheme)) {
      boolean packed = activations == null && isPackedZeroPoint(scheme);
      plan.add(
          packed
              ? new TensorInfo(
                  module + ZERO_POINT,
                  DType.I32,
                  Shape.of(WordPacking.words(scales.dim(0), scheme.bits()), scales.dim(1)))
              : new TensorInfo(module + ZERO_POINT, DType.I8, scales));
    }
    if (activations != null && !activations.dynamic()) {
      plan.add(new TensorInfo(module + INPUT_SCALE, dtype, Shape.of(1)));
      if (AffineTensor.hasZeroPoints(activations.scheme())) {
        plan.add(new TensorInfo(module + INPUT_ZERO_POINT, DType.I8, Shape.of(1)));
      }
    }
  }

  private static void checkStorable(
      String module,
      Shape shape,
      Scheme.Affine scheme,
      @Nullable ActivationQuantization activations) {
    checkGranularity(module, shape, scheme, scheme.granularity());
    if (activations != null
        && (scheme.bits() != 8
            || scheme.granularity() instanceof Granularity.PerGroup
            || scheme.granularity() instanceof Granularity.PerBlock)) {
      throw new UserException(
          "With quantized activations the weights must be 8 bits per channel or tensor, not %s."
              .formatted(scheme));
    }
  }

  static void checkGranularity(String module, Shape shape, Scheme scheme, Granularity granularity) {
    if (granularity instanceof Granularity.PerChannel channel && channel.axis() != 0) {
      throw new UserException(
          "A model folder cannot hold %s: compressed-tensors has scales per output channel only; choose channel."
              .formatted(scheme));
    }
    if (granularity instanceof Granularity.PerBlock block
        && (shape.dim(0) % block.rows() != 0 || shape.dim(1) % block.columns() != 0)) {
      throw new UserException(
          "Layer %s has shape %s, which blocks of %dx%d do not divide; choose a block that does, or --skip-modules."
              .formatted(module, shape, block.rows(), block.columns()));
    }
  }

  /// compressed-tensors stores the one scale of a tensor as a vector.
  static Shape storedScales(Shape shape, Granularity granularity) {
    return granularity instanceof Granularity.PerTensor
        ? Shape.of(1)
        : granularity.scaleShape(shape);
  }

  static boolean isPackedZeroPoint(Scheme.Affine scheme) {
    return scheme.granularity() instanceof Granularity.PerGroup
        || scheme.granularity() instanceof Granularity.PerChannel;
  }

  /// The tensors to write, in the order of [#plan]; views where the bytes are the same.
  ///
  /// @param activations as in the plan
  /// @param groupIndex as in the plan
  /// @param input calibrated parameters of static activations, in the scheme's own numbering; null
  ///   where activations are dynamic or not quantized
  public static SequencedMap<String, HostTensor> tensors(
      String module,
      QuantizedTensor quantized,
      @Nullable ActivationQuantization activations,
      boolean groupIndex,
      @Nullable AffineParameters input) {
    return switch (quantized) {
      case AffineTensor affine ->
          new AffineWriter(
                  module, affine, activations, hasGroupIndex(affine.scheme(), groupIndex), input)
              .tensors(new LinkedHashMap<>());
      case Float8Tensor float8 -> FloatLayout.tensors(module, float8);
      case Mxfp4Tensor mxfp4 -> FloatLayout.tensors(module, mxfp4);
      case Nvfp4Tensor nvfp4 -> FloatLayout.tensors(module, nvfp4);
      case CodebookTensor codebook -> throw foreign(codebook.scheme());
      case GgmlTensor ggml -> throw foreign(ggml.scheme());
      case LlmInt8Tensor int8 -> throw foreign(int8.scheme());
    };
  }
}
