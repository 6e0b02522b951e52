package dev.fettle.calibrate.adaround;

import dev.fettle.calibrate.block.ClipSearch;
import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.calibrate.block.LayerResult;
import dev.fettle.calibrate.block.LayerSolver;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.AffineScales;
import dev.fettle.tensor.DType;
import java.util.Locale;

/// AdaRound of one layer at a time; Nagel et al. 2020, arXiv:2004.10568, section 3.
///
/// Scales come from a search for the range with the smallest error of the outputs; then rounding
/// each weight up or down is relaxed to a number between 0 and 1 and learned by gradient descent on
/// the squared error of the outputs, `tr(ΔW · XᵀX · ΔWᵀ)`, with a term that drives it to 0 or 1. No
/// sampling is involved: the whole text enters through its second moments, so a run repeats itself
/// bit for bit. A row for which learning found nothing better keeps rounding to nearest.
public final class AdaRound implements LayerSolver {
  private final AdaRoundOptions options;

  public AdaRound(AdaRoundOptions options) {
    this.options = options;
  }

  @Override
  public Inputs prepare(InputMoments moments) {
    Scope scope = Scope.detached();
    try (Scope.Entered entered = scope.enter()) {
      double share = 1.0 / Math.max(1, moments.rows());
      return new Prepared(scope, moments.gram().mul(share).to(DType.F32));
    }
  }

  private final class Prepared implements Inputs {
    private final Scope scope;
    private final Tensor gram;

    Prepared(Scope scope, Tensor gram) {
      this.scope = scope;
      this.gram = gram;
    }

    @Override
    public LayerResult solve(LayerProblem problem) {
      AffineScales scales = ClipSearch.of(problem, gram);
      try (Scope inner = Scope.open()) {
        Tensor onGrid = Tensors.empty(DType.F32, problem.rows(), problem.columns());
        int kept = new LearnedRounding(problem, scales, gram, options).run(onGrid);
        String note =
            kept == 0
                ? ""
                : String.format(Locale.ROOT, "%d of %d rows to nearest", kept, problem.rows());
        return new LayerResult(scales.round(onGrid.hostView(), problem.allocator()), note, false);
      }
    }

    @Override
    public void close() {
      scope.close();
    }
  }
}
