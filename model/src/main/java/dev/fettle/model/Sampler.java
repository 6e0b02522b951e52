package dev.fettle.model;

import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Chooses the next token from logits.
final class Sampler {
  private final SamplingOptions options;
  private final SplittableRandom random;

  Sampler(SamplingOptions options) {
    this.options = options;
    this.random = new SplittableRandom(options.seed());
  }

  /// @param logits one per token of the vocabulary; changed by the penalty
  /// @param seen tokens so far
  /// @throws UserException if a logit is not a number
  int next(float[] logits, List<Integer> seen) {
    requireNumbers(logits);
    penalise(logits, seen);
    if (options.temperature() == 0) {
      return argmax(logits);
    }
    int[] order = candidates(logits);
    double[] weights = new double[order.length];
    double total = 0;
    int kept = 0;
    for (int i = 0; i < order.length; i++) {
      weights[i] = Math.exp((logits[order[i]] - logits[order[0]]) / options.temperature());
      total += weights[i];
    }
    double cumulative = 0;
    while (kept < order.length && (kept == 0 || cumulative < options.topP() * total)) {
      cumulative += weights[kept++];
    }
    double draw = random.nextDouble() * cumulative;
    for (int i = 0; i < kept; i++) {
      draw -= weights[i];
      if (draw < 0) {
        return order[i];
      }
    }
    return order[kept - 1];
  }

  private static void requireNumbers(float[] logits) {
    for (float logit : logits) {
      if (Float.isNaN(logit)) {
        throw new UserException(
            "The model's predictions are not numbers: a weight is NaN or too large; 'fettle doctor MODEL --deep' finds it.");
      }
    }
  }

  private void penalise(float[] logits, List<Integer> seen) {
    if (options.repetitionPenalty() == 1) {
      return;
    }
    float penalty = (float) options.repetitionPenalty();
    seen.stream()
        .distinct()
        .forEach(id -> logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty);
  }

  /// Token ids by falling logit, the first `top-k`; ties by id, so that the order is always the
  /// same.
  private int[] candidates(float[] logits) {
    Integer[] ids = IntStream.range(0, logits.length).boxed().toArray(Integer[]::new);
    Arrays.sort(
        ids, Comparator.comparingDouble((Integer id) -> -logits[id]).thenComparingInt(i -> i));
    int count = options.topK() == 0 ? ids.length : Math.min(options.topK(), ids.length);
    return Arrays.stream(ids, 0, count).mapToInt(Integer::intValue).toArray();
  }

  static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
