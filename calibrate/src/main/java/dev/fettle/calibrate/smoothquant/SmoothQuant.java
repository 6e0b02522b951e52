package dev.fettle.calibrate.smoothquant;

import dev.fettle.calibrate.block.BlockAlgorithm;
import dev.fettle.calibrate.block.BlockData;
import dev.fettle.calibrate.block.BlockResult;
import dev.fettle.calibrate.block.FoldedBlock;
import dev.fettle.calibrate.block.InputGroup;
import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.calibrate.block.LayerReport;
import dev.fettle.calibrate.block.LayerResult;
import dev.fettle.model.Linear;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// SmoothQuant of a block; Xiao et al. 2022, arXiv:2211.10438.
///
/// The inputs behind each norm are divided by `s = max|X|^α / max|W|^(1−α)` per channel (equation
/// 4), in the norm's weight, and the columns of the weights that read them are multiplied by it.
/// Then the weights are rounded to nearest. Nothing is computed differently afterwards, but the
/// activations have lost their outliers.
public final class SmoothQuant implements BlockAlgorithm {
  /// The migration strength that the paper recommends for most models.
  public static final double DEFAULT_ALPHA = 0.5;

  /// Smallest maximum of activations and weights, as in the reference implementation.
  private static final float LEAST = 1e-5f;

  private final double alpha;
  private final @Nullable ActivationQuantization activations;

  /// @param alpha share of the difficulty that moves from the activations to the weights, 0 to 1
  /// @param activations how inputs will be quantized; static ones get their parameters from the
  ///   range seen after smoothing. Null if they stay as they are
  /// @throws UserException if alpha is out of range
  public SmoothQuant(double alpha, @Nullable ActivationQuantization activations) {
    if (!(alpha >= 0 && alpha <= 1)) {
      throw new UserException("--smoothquant-alpha must lie between 0 and 1, not " + alpha + ".");
    }
    this.alpha = alpha;
    this.activations = activations;
  }

  @Override
  public String description() {
    return "smoothquant alpha=" + alpha + " activations=" + activations;
  }

  @Override
  public boolean quantizedOutputs() {
    return false;
  }

  @Override
  public BlockResult quantize(BlockData data) {
    SequencedMap<InputGroup, InputMoments> moments = data.observe(data.groups());
    try {
      FoldedBlock block = smooth(data, moments);
      SequencedMap<String, AffineTensor> weights = new LinkedHashMap<>();
      Map<String, AffineParameters> inputs = new LinkedHashMap<>();
      List<LayerReport> reports = new ArrayList<>();
      for (InputGroup group : data.groups()) {
        for (Linear linear : group.linears()) {
          Scheme.Affine scheme = data.scheme(linear);
          if (scheme != null) {
            long start = System.nanoTime();
            LayerProblem problem = data.problem(linear, block.weight(linear), scheme);
            AffineTensor tensor = problem.nearest(data.arena());
            weights.put(linear.path(), tensor);
            LayerResult result = new LayerResult(tensor, "", false);
            reports.add(data.report(problem, result, block.moments(group), start));
            if (activations != null && !activations.dynamic()) {
              inputs.put(linear.path(), parameters(activations, block.moments(group)));
            }
          }
        }
      }
      return new BlockResult(weights, block.changed(), block.folds(), inputs, reports);
    } finally {
      moments.values().forEach(InputMoments::close);
    }
  }

  /// Moves the difficulty of the inputs behind the norms into the weights.
  ///
  /// @param moments of all groups of the block
  public FoldedBlock smooth(BlockData data, SequencedMap<InputGroup, InputMoments> moments) {
    FoldedBlock block = new FoldedBlock(data, moments);
    for (InputGroup group : data.groups()) {
      switch (group.kind()) {
        case ATTENTION, FEED_FORWARD -> block.intoNorm(group, scales(block, group));
        case ATTENTION_OUTPUT, FEED_FORWARD_OUTPUT -> {}
      }
    }
    return block;
  }

  private float[] scales(FoldedBlock block, InputGroup group) {
    float[] inputs = block.moments(group).absMax();
    float[] weights = new float[inputs.length];
    for (Linear linear : group.linears()) {
      HostTensor weight = block.weight(linear);
      for (long i = 0; i < weight.elements(); i++) {
        int column = (int) (i % weights.length);
        float magnitude = Math.abs(weight.data().get(HostTensor.F32_LAYOUT, 4 * i));
        weights[column] = Math.max(weights[column], magnitude);
      }
    }
    float[] scales = new float[inputs.length];
    for (int j = 0; j < scales.length; j++) {
      double s =
          Math.pow(Math.max(LEAST, inputs[j]), alpha)
              / Math.pow(Math.max(LEAST, weights[j]), 1 - alpha);
      scales[j] = (float) Math.max(LEAST, s);
    }
    return scales;
  }

  private static AffineParameters parameters(
      ActivationQuantization activations, InputMoments moments) {
    return activations.scheme().grid().parameters(moments.min(), moments.max());
  }
}
