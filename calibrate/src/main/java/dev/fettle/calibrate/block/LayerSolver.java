package dev.fettle.calibrate.block;

/// An algorithm that quantizes one linear layer after the other from the second moments of their
/// inputs.
public interface LayerSolver {
  /// Looks at inputs that one or several layers share.
  ///
  /// @param moments of at least one token; valid while the result is used
  Inputs prepare(InputMoments moments);

  /// Solves the layers that have these inputs.
  interface Inputs extends AutoCloseable {
    LayerResult solve(LayerProblem problem);

    @Override
    void close();
  }
}
