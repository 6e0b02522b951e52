package dev.fettle.calibrate.awq;

import dev.fettle.calibrate.block.BlockAlgorithm;
import dev.fettle.calibrate.block.BlockData;
import dev.fettle.calibrate.block.BlockResult;
import dev.fettle.calibrate.block.ClipSearch;
import dev.fettle.calibrate.block.FoldedBlock;
import dev.fettle.calibrate.block.InputGroup;
import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.calibrate.block.LayerReport;
import dev.fettle.calibrate.block.LayerResult;
import dev.fettle.calibrate.block.Producer;
import dev.fettle.engine.Scope;
import dev.fettle.model.Linear;
import dev.fettle.quantize.AffineScales;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Activation-aware weight quantization; Lin et al. 2023, arXiv:2306.00978.
///
/// Weights that meet large inputs matter most. Each input channel gets a scale; the weight's
/// columns are multiplied by it before they are rounded, and the norm or layer before divides by
/// it, so the file needs nothing new. Afterwards ranges are clipped where that lowers the error,
/// except for queries and keys, and what is fused with them, as in the reference implementation.
///
/// Scales go into the norm before the attention (queries, keys, values), the value projection
/// (output projection; only without grouped heads), the norm before the feed-forward part (gate,
/// up) and the up projection (down projection).
public final class Awq implements BlockAlgorithm {
  private final AwqOptions options;

  public Awq(AwqOptions options) {
    this.options = options;
  }

  @Override
  public String description() {
    return "awq " + options;
  }

  @Override
  public boolean quantizedOutputs() {
    return false;
  }

  @Override
  public BlockResult quantize(BlockData data) {
    SequencedMap<InputGroup, InputMoments> moments = data.observe(data.groups());
    try {
      FoldedBlock block = new FoldedBlock(data, moments);
      Map<InputGroup, Double> alphas = new LinkedHashMap<>();
      for (InputGroup group : data.groups()) {
        scale(data, block, group, alphas);
      }
      return quantize(data, block, alphas);
    } finally {
      moments.values().forEach(InputMoments::close);
    }
  }

  private void scale(
      BlockData data, FoldedBlock block, InputGroup group, Map<InputGroup, Double> alphas) {
    boolean wanted = group.linears().stream().anyMatch(linear -> data.scheme(linear) != null);
    @Nullable Producer before = Producer.of(data, group);
    boolean behindNorm =
        switch (group.kind()) {
          case ATTENTION, FEED_FORWARD -> true;
          case ATTENTION_OUTPUT, FEED_FORWARD_OUTPUT -> false;
        };
    if (!wanted || (!behindNorm && before == null)) {
      return;
    }
    ScaleSearch.Found found = new ScaleSearch(block, group, data::scheme, options.nGrid()).run();
    alphas.put(group, found.alpha());
    if (found.alpha() == 0) {
      return;
    }
    if (before == null) {
      block.intoNorm(group, found.scales());
    } else {
      block.intoLinear(before, group, found.scales());
    }
  }

  private BlockResult quantize(BlockData data, FoldedBlock block, Map<InputGroup, Double> alphas) {
    SequencedMap<String, AffineTensor> weights = new LinkedHashMap<>();
    List<LayerReport> reports = new ArrayList<>();
    for (InputGroup group : data.groups()) {
      for (Linear linear : group.linears()) {
        Scheme.Affine scheme = data.scheme(linear);
        if (scheme == null) {
          continue;
        }
        long start = System.nanoTime();
        LayerProblem problem = data.problem(linear, block.weight(linear), scheme);
        AffineTensor tensor = clipped(problem, linear, block.moments(group));
        weights.put(linear.path(), tensor);
        Double alpha = alphas.get(group);
        String note =
            alpha == null ? "not scaled" : String.format(Locale.ROOT, "alpha %.2f", alpha);
        reports.add(
            data.report(
                problem, new LayerResult(tensor, note, false), block.moments(group), start));
      }
    }
    return new BlockResult(weights, block.changed(), block.folds(), Map.of(), reports);
  }

  private AffineTensor clipped(LayerProblem problem, Linear linear, InputMoments moments) {
    if (makesScores(linear) || !options.clip()) {
      return problem.nearest(problem.allocator());
    }
    try (Scope scope = Scope.open()) {
      AffineScales scales = ClipSearch.of(problem, moments.gram().to(DType.F32));
      return scales.round(problem.weight(), problem.allocator());
    }
  }

  private static boolean makesScores(Linear linear) {
    return Stream.of(".q_proj", ".k_proj", ".qkv_proj").anyMatch(linear.path()::endsWith);
  }
}
