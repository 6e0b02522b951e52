package dev.fettle.calibrate.awq;

import dev.fettle.calibrate.block.FoldedBlock;
import dev.fettle.calibrate.block.InputGroup;
import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.calibrate.block.OutputError;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.Linear;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Finds the scale of each input channel: `s = (mean|x|)^α`, with the exponent that makes the
/// squared error of the layers' outputs smallest (arXiv:2306.00978, section 3.2, equations 4 and
/// 5). As in the reference implementation the scales are normalised by `√(max s · min s)`.
final class ScaleSearch {
  /// Smallest scale before normalising, as in the reference implementation.
  private static final double LEAST = 1e-4;

  private final FoldedBlock block;
  private final InputGroup group;
  private final Function<Linear, Scheme.@Nullable Affine> schemes;
  private final int nGrid;

  ScaleSearch(
      FoldedBlock block,
      InputGroup group,
      Function<Linear, Scheme.@Nullable Affine> schemes,
      int nGrid) {
    this.block = block;
    this.group = group;
    this.schemes = schemes;
    this.nGrid = nGrid;
  }

  /// What was found.
  ///
  /// @param scales one per input channel
  /// @param alpha the exponent; 0 means that no scale helps
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Found(float[] scales, double alpha) {}

  Found run() {
    InputMoments moments = block.moments(group);
    Found best = new Found(scales(moments.meanAbs(), 0), 0);
    double least = Double.POSITIVE_INFINITY;
    try (Scope scope = Scope.open()) {
      Tensor gram = moments.gram().to(DType.F32);
      for (int i = 0; i <= nGrid; i++) {
        double alpha = (double) i / nGrid;
        float[] scales = scales(moments.meanAbs(), alpha);
        double error = error(scales, gram);
        if (error < least) {
          least = error;
          best = new Found(scales, alpha);
        }
      }
    }
    return best;
  }

  static float[] scales(double[] meanAbs, double alpha) {
    double[] powers = new double[meanAbs.length];
    for (int j = 0; j < powers.length; j++) {
      powers[j] = Math.max(LEAST, Math.pow(meanAbs[j], alpha));
    }
    double most = Arrays.stream(powers).max().orElseThrow();
    double least = Arrays.stream(powers).min().orElseThrow();
    float[] scales = new float[powers.length];
    for (int j = 0; j < scales.length; j++) {
      scales[j] = (float) (powers[j] / Math.sqrt(most * least));
    }
    return scales;
  }

  private double error(float[] scales, Tensor gram) {
    double sum = 0;
    for (Linear linear : group.linears()) {
      Scheme.Affine scheme = schemes.apply(linear);
      if (scheme != null) {
        sum += error(linear, scheme, scales, gram);
      }
    }
    return sum;
  }

  /// `‖(Q(W·diag(s))·diag(s)⁻¹ − W)·Xᵀ‖²`
  private double error(Linear linear, Scheme.Affine scheme, float[] scales, Tensor gram) {
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      Tensor s = Tensors.of(scales, scales.length);
      Tensor weight = Tensors.viewOf(block.weight(linear));
      Tensor scaled = weight.mul(s);
      QuantizedTensor quantized =
          Quantizer.quantize(linear.path() + ".weight", scaled.hostView(), scheme, arena);
      Tensor stored = Tensors.empty(DType.F32, weight.shape().toArray());
      quantized.dequantize(DType.F32, stored.segment());
      Tensor inverse = Tensors.full(DType.F32, 0, scales.length);
      inverse.addcdivInPlace(Tensors.full(DType.F32, 1, scales.length), s, 1);
      return OutputError.energy(stored.mulInPlace(inverse).subInPlace(weight), gram);
    }
  }
}
