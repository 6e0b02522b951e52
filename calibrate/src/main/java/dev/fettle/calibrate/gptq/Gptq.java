package dev.fettle.calibrate.gptq;

import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.calibrate.block.LayerResult;
import dev.fettle.calibrate.block.LayerSolver;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import java.util.Locale;

/// GPTQ of one layer at a time; Frantar et al. 2022, arXiv:2210.17323, algorithm 1.
///
/// The columns of a weight are rounded to the grid one after the other. The error of each is spread
/// over the columns that are still to come, so that the outputs for the inputs seen change as
/// little as possible. All sums are float64; the memory needed is four matrices `[in, in]` of
/// float64 besides those of the weight.
public final class Gptq implements LayerSolver {
  private final GptqOptions options;

  public Gptq(GptqOptions options) {
    this.options = options;
  }

  @Override
  public Inputs prepare(InputMoments moments) {
    Scope scope = Scope.detached();
    try (Scope.Entered entered = scope.enter()) {
      return new Prepared(scope, InverseHessian.of(moments, options));
    }
  }

  private final class Prepared implements Inputs {
    private final Scope scope;
    private final InverseHessian hessian;

    Prepared(Scope scope, InverseHessian hessian) {
      this.scope = scope;
      this.hessian = hessian;
    }

    @Override
    public LayerResult solve(LayerProblem problem) {
      Tensor upper = hessian.upper();
      if (upper == null) {
        return new LayerResult(
            problem.nearest(problem.allocator()),
            "the Hessian is not positive definite even with damping near 1: rounded to nearest",
            true);
      }
      String note =
          hessian.damp() == options.dampPercent()
              ? ""
              : String.format(Locale.ROOT, "damping raised to %s", hessian.damp());
      return new LayerResult(new ColumnSweep(problem, hessian, upper, options).run(), note, false);
    }

    @Override
    public void close() {
      scope.close();
    }
  }
}
