package dev.fettle.calibrate.adaround;

import dev.fettle.tensor.UserException;

/// The settings of AdaRound.
///
/// @param iterations steps of the optimizer per layer
/// @param learningRate of Adam
/// @param regularization weight of the term that drives every choice to up or down, beside an error
///   in units of what moving one average weight by one step costs
/// @param warmUp share of the iterations without that term
public record AdaRoundOptions(
    int iterations, double learningRate, double regularization, double warmUp) {
  static final int DEFAULT_ITERATIONS = 1000;

  public AdaRoundOptions {
    if (iterations < 1) {
      throw new UserException("--adaround-iterations must be 1 or more, not " + iterations + ".");
    }
    if (!(learningRate > 0) || !(regularization > 0) || !(warmUp >= 0 && warmUp < 1)) {
      throw new IllegalArgumentException(
          "learning rate %s, regularization %s, warm-up %s"
              .formatted(learningRate, regularization, warmUp));
    }
  }

  /// 1000 iterations at learning rate 0.05; the regularizer of weight 1 after a fifth of them. The
  /// paper's weight of 0.01 is in units of its own loss; here smaller weights leave the choices
  /// open to the end.
  public static AdaRoundOptions defaults() {
    return new AdaRoundOptions(DEFAULT_ITERATIONS, 0.05, 1, 0.2);
  }

  public AdaRoundOptions withIterations(int count) {
    return new AdaRoundOptions(count, learningRate, regularization, warmUp);
  }
}
