package dev.fettle.calibrate.budget;

import java.util.Arrays;
import java.util.List;

/// One option per layer with the least sum of divergences whose bytes fit: the multiple-choice
/// knapsack problem (Kellerer, Pferschy, Pisinger 2004, "Knapsack Problems", chapter 11), by
/// dynamic programming over the size.
///
/// Sizes count in the greatest common divisor of all options' sizes above the smallest ones. If the
/// budget has more than {@link #MOST_UNITS} of those, units are larger and sizes are rounded up, so
/// the choice still fits; what rounding left over is then spent greedily.
final class Knapsack {
  /// Columns of the table; with a byte per layer and column 150 layers take 20 MB.
  static final int MOST_UNITS = 1 << 17;

  private Knapsack() {}

  /// @param budget bytes for all layers together
  /// @return the number of the chosen option of each layer
  /// @throws IllegalArgumentException if even the smallest options do not fit
  static int[] solve(List<LayerOptions> layers, long budget) {
    return solve(layers, budget, MOST_UNITS);
  }

  static int[] solve(List<LayerOptions> layers, long budget, int mostUnits) {
    long smallest = layers.stream().mapToLong(LayerOptions::smallest).sum();
    if (smallest > budget) {
      throw new IllegalArgumentException(smallest + " bytes at least, budget " + budget);
    }
    long spare = budget - smallest;
    long unit = Math.max(divisor(layers), Math.ceilDiv(spare, mostUnits));
    int units = Math.toIntExact(spare / unit);
    int[] choice = table(layers, unit, units);
    spend(layers, choice, budget);
    return choice;
  }

  private static long divisor(List<LayerOptions> layers) {
    long divisor = 0;
    for (LayerOptions layer : layers) {
      for (Option option : layer.options()) {
        divisor = gcd(divisor, option.bytes() - layer.smallest());
      }
    }
    return Math.max(1, divisor);
  }

  private static long gcd(long a, long b) {
    return b == 0 ? a : gcd(b, a % b);
  }

  /// `best[u]` is the least sum of the layers so far with at most `u` units above their smallest
  /// sizes.
  private static int[] table(List<LayerOptions> layers, long unit, int units) {
    double[] best = new double[units + 1];
    byte[][] chosen = new byte[layers.size()][units + 1];
    for (int l = 0; l < layers.size(); l++) {
      double[] next = new double[units + 1];
      Arrays.fill(next, Double.POSITIVE_INFINITY);
      List<Option> options = layers.get(l).options();
      for (int o = 0; o < options.size(); o++) {
        int size = size(layers.get(l), options.get(o), unit, units);
        for (int u = size; u <= units; u++) {
          double sum = best[u - size] + options.get(o).divergence();
          if (sum < next[u]) {
            next[u] = sum;
            chosen[l][u] = (byte) o;
          }
        }
      }
      best = next;
    }
    int[] choice = new int[layers.size()];
    int left = units;
    for (int l = layers.size() - 1; l >= 0; l--) {
      choice[l] = chosen[l][left];
      left -= size(layers.get(l), layers.get(l).options().get(choice[l]), unit, units);
    }
    return choice;
  }

  private static int size(LayerOptions layer, Option option, long unit, int units) {
    return (int) Math.min(units + 1L, Math.ceilDiv(option.bytes() - layer.smallest(), unit));
  }

  /// Takes the best improvement that still fits, as long as there is one.
  private static void spend(List<LayerOptions> layers, int[] choice, long budget) {
    long left = budget - bytes(layers, choice);
    while (true) {
      int layer = -1;
      int option = -1;
      double gain = 0;
      for (int l = 0; l < choice.length; l++) {
        Option now = layers.get(l).options().get(choice[l]);
        for (int o = 0; o < layers.get(l).options().size(); o++) {
          Option other = layers.get(l).options().get(o);
          double better = now.divergence() - other.divergence();
          if (other.bytes() - now.bytes() <= left && better > gain) {
            layer = l;
            option = o;
            gain = better;
          }
        }
      }
      if (layer < 0) {
        return;
      }
      choice[layer] = option;
      left = budget - bytes(layers, choice);
    }
  }

  static long bytes(List<LayerOptions> layers, int[] choice) {
    long sum = 0;
    for (int l = 0; l < choice.length; l++) {
      sum += layers.get(l).options().get(choice[l]).bytes();
    }
    return sum;
  }

  static double divergence(List<LayerOptions> layers, int[] choice) {
    double sum = 0;
    for (int l = 0; l < choice.length; l++) {
      sum += layers.get(l).options().get(choice[l]).divergence();
    }
    return sum;
  }
}
