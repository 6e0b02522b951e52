package dev.fettle.quantize.explain;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.Locale;

/// What LoRA trains instead of a weight. Source: Hu et al., LoRA (arXiv:2106.09685), section 4.1.
public final class LoraExplanation {
  /// The example: a 3 × 3 update from a 3 × 1 and a 1 × 3 matrix.
  private static final long[] EXAMPLE_B = {1, 2, 3};

  private static final long[] EXAMPLE_A = {4, 5, 6};

  private LoraExplanation() {}

  /// @param out rows of the weight, its output features
  /// @param in columns of the weight, its input features
  /// @param rank r
  /// @throws UserException if a size is not positive or the rank is larger than the smaller one
  public static Explanation of(long out, long in, int rank) {
    check(out, in, rank);
    long full = out * in;
    long b = out * rank;
    long a = rank * in;
    double percent = 100.0 * (b + a) / full;
    String share = String.format(Locale.ROOT, "%.2f %%", percent);
    return new Explanation(
        "LoRA of rank %d on a %d × %d weight".formatted(rank, out, in),
        List.of(
            new Part.Text(
                "",
                List.of(
                    "The weight W is frozen. Its update ΔW has as many numbers as W, but it is not trained itself: ΔW = alpha / r · B·A, and only B and A are trained.")),
            table(out, in, rank, share),
            new Part.Bars(
                "Numbers to train",
                List.of(
                    new Part.Bar("ΔW", full, count(full)),
                    new Part.Bar("B and A", b + a, count(b + a)))),
            new Part.Text(
                "",
                List.of(
                    "B·A has rank %d at most: its rows are sums of the %d rows of A. Below rank %d (%s / (%d + %d)) B and A are fewer numbers than ΔW."
                        .formatted(
                            rank, rank, (full + out + in - 1) / (out + in), count(full), out, in))),
            new Part.Steps("The idea on 3 × 3: nine numbers from six", example()),
            new Part.Text(
                "",
                List.of(
                    "Every row of this ΔW is a multiple of (4 5 6): rank 1. That restriction is the price of training six numbers instead of nine."))),
        Json.object()
            .put("out_features", out)
            .put("in_features", in)
            .put("lora_r", rank)
            .put("delta_w", full)
            .put("lora_b", b)
            .put("lora_a", a)
            .put("trainable", b + a)
            .put("percent", percent));
  }

  private static void check(long out, long in, int rank) {
    long most = 1 << 20;
    if (out < 1 || in < 1 || out > most || in > most) {
      throw new UserException(
          "A weight of %d × %d cannot be explained; give rows and columns from 1 to %d."
              .formatted(out, in, most));
    }
    if (rank < 1 || rank > Math.min(out, in)) {
      throw new UserException(
          "--lora-r %d does not fit a %d × %d weight; choose 1 to %d."
              .formatted(rank, out, in, Math.min(out, in)));
    }
  }

  private static Part table(long out, long in, int rank, String share) {
    return new Part.Table(
        "",
        List.of(
            Part.Column.text("matrix"), Part.Column.number("shape"), Part.Column.number("numbers")),
        List.of(
            List.of("ΔW", out + " × " + in, count(out * in)),
            List.of("B", out + " × " + rank, count(out * rank)),
            List.of("A", rank + " × " + in, count(rank * in)),
            List.of("B and A", share + " of ΔW", count(rank * (out + in)))));
  }

  private static List<String> example() {
    long[][] product = new long[EXAMPLE_B.length][EXAMPLE_A.length];
    for (int i = 0; i < EXAMPLE_B.length; i++) {
      for (int j = 0; j < EXAMPLE_A.length; j++) {
        product[i][j] = EXAMPLE_B[i] * EXAMPLE_A[j];
      }
    }
    return List.of(
        "   B           A               ΔW = B·A",
        "  (%d)                       (%2d %2d %2d)".formatted(row(0, product)),
        "  (%d)   ·   (%d %d %d)    =    (%2d %2d %2d)"
            .formatted(
                EXAMPLE_B[1],
                EXAMPLE_A[0],
                EXAMPLE_A[1],
                EXAMPLE_A[2],
                product[1][0],
                product[1][1],
                product[1][2]),
        "  (%d)                       (%2d %2d %2d)".formatted(row(2, product)),
        " 3 × 1       1 × 3              3 × 3",
        "   3     +     3     =  6,  instead of 9");
  }

  private static Object[] row(int i, long[][] product) {
    return new Object[] {EXAMPLE_B[i], product[i][0], product[i][1], product[i][2]};
  }

  private static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }
}
