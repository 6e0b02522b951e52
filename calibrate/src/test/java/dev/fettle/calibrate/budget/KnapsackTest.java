package dev.fettle.calibrate.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class KnapsackTest {
  private static final Scheme ANY = new Scheme.Cast(DType.BF16);

  /// Sums of the same numbers in another order.
  private static final double ROUNDING = 1e-12;

  @Test
  void isTheBestOfAllChoices() {
    Random random = new Random(4);
    for (int round = 0; round < 50; round++) {
      List<LayerOptions> layers = layers(random, 6, 64);
      long smallest = layers.stream().mapToLong(LayerOptions::smallest).sum();
      long budget = smallest + random.nextInt(6 * 64 * 3);
      int[] choice = Knapsack.solve(layers, budget);
      assertThat(Knapsack.bytes(layers, choice)).isLessThanOrEqualTo(budget);
      assertThat(Knapsack.divergence(layers, choice))
          .isLessThanOrEqualTo(best(layers, budget) + ROUNDING);
    }
  }

  @Test
  void keepsTheBudgetWhereSizesAreRounded() {
    Random random = new Random(5);
    for (int round = 0; round < 50; round++) {
      List<LayerOptions> layers = layers(random, 6, 1); // sizes without a common divisor
      long smallest = layers.stream().mapToLong(LayerOptions::smallest).sum();
      long budget = smallest + random.nextInt(200);
      int[] rounded = Knapsack.solve(layers, budget, 20);
      assertThat(Knapsack.bytes(layers, rounded)).isLessThanOrEqualTo(budget);
      int[] cheapest = new int[layers.size()];
      assertThat(Knapsack.divergence(layers, rounded))
          .isLessThanOrEqualTo(Knapsack.divergence(layers, cheapest));
    }
  }

  @Test
  void whatCannotFitIsAnError() {
    List<LayerOptions> layers = layers(new Random(6), 3, 64);
    long smallest = layers.stream().mapToLong(LayerOptions::smallest).sum();
    assertThat(Knapsack.bytes(layers, Knapsack.solve(layers, smallest))).isEqualTo(smallest);
    assertThatThrownBy(() -> Knapsack.solve(layers, smallest - 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static double best(List<LayerOptions> layers, long budget) {
    return best(layers, 0, budget);
  }

  private static double best(List<LayerOptions> layers, int layer, long budget) {
    if (budget < 0) {
      return Double.POSITIVE_INFINITY;
    }
    if (layer == layers.size()) {
      return 0;
    }
    return layers.get(layer).options().stream()
        .mapToDouble(o -> o.divergence() + best(layers, layer + 1, budget - o.bytes()))
        .min()
        .orElseThrow();
  }

  private static List<LayerOptions> layers(Random random, int count, int unit) {
    List<LayerOptions> layers = new ArrayList<>();
    for (int l = 0; l < count; l++) {
      List<Option> options = new ArrayList<>();
      for (int o = 0; o < 3; o++) {
        options.add(new Option(ANY, unit * (1L + random.nextInt(9)), random.nextDouble()));
      }
      options.sort(Comparator.comparingLong(Option::bytes));
      layers.add(new LayerOptions("layer" + l, Shape.of(8, 8), options));
    }
    return layers;
  }
}
