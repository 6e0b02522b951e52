package dev.fettle.benchmarks;

import dev.fettle.engine.AttentionRule;
import dev.fettle.engine.Engine;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.VectorAttention;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What attention costs that skips: one forward and backward pass in float32 over whole rows,
/// against the same with a window, and with documents packed into the rows. The kinds take turns,
/// and the best time of each counts, so that a busy machine does not decide.
///
/// Arguments: rounds.
public final class AttentionSpeed {
  private static final int LENGTH = 2048;
  private static final int WINDOW = 256;
  private static final int DOCUMENTS = 8;
  private static final AttentionRule CAUSAL = AttentionRule.causal(0.1);

  /// Sums of up to 2048 products in another order.
  private static final double FLOAT32 = 2e-5;

  /// Widths of a head with heads and queries per key of a well-known model.
  private static final List<Shape> SHAPES =
      List.of(
          new Shape("TinyLlama", 4, 8, 64),
          new Shape("Llama 3", 8, 4, 128),
          new Shape("Gemma 2b", 1, 8, 256));

  private AttentionSpeed() {}

  private record Shape(String name, int kvHeads, int group, int dim) {}

  static void main(String[] args) {
    int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 5;
    Engine.load();
    System.out.printf("%d tokens, %d threads; ms and part of whole rows%n", LENGTH, threads());
    for (Shape shape : SHAPES) {
      measure(shape, rounds);
    }
  }

  private static int threads() {
    return Runtime.getRuntime().availableProcessors();
  }

  private static void measure(Shape shape, int rounds) {
    try (Scope scope = Scope.open()) {
      Inputs in = new Inputs(shape);
      int[][] starts = {IntStream.range(0, DOCUMENTS).map(i -> i * LENGTH / DOCUMENTS).toArray()};
      check(in, starts);
      List<Runnable> kinds =
          List.of(
              () -> in.pass(CAUSAL, null),
              () -> in.pass(CAUSAL.withWindow(WINDOW), null),
              () -> in.pass(CAUSAL, starts),
              () -> in.pass(CAUSAL.withSoftCap(50), null));
      double[] best = new double[kinds.size()];
      Arrays.fill(best, Double.MAX_VALUE);
      for (int round = 0; round < rounds; round++) {
        for (int kind = 0; kind < best.length; kind++) {
          long start = System.nanoTime();
          kinds.get(kind).run();
          best[kind] = Math.min(best[kind], (System.nanoTime() - start) / 1e6);
        }
      }
      System.out.printf(
          Locale.ROOT,
          "%s: whole %.0f; window of %d %.0f (%.2f); %d documents %.0f (%.2f); capped %.0f (%.2f)%n",
          shape.name,
          best[0],
          WINDOW,
          best[1],
          best[1] / best[0],
          DOCUMENTS,
          best[2],
          best[2] / best[0],
          best[3],
          best[3] / best[0]);
    }
  }

  /// A window as long as the row changes nothing, and the last document is as it is alone.
  private static void check(Inputs in, int[][] starts) {
    try (Scope scope = Scope.open()) {
      float[] whole = in.forward(CAUSAL, null).toFloats();
      close(in.forward(CAUSAL.withWindow(LENGTH), null).toFloats(), whole);
      int first = starts[0][DOCUMENTS - 1];
      int count = LENGTH - first;
      Tensor packed = in.forward(CAUSAL, starts).narrow(2, first, count);
      Tensor alone =
          VectorAttention.forward(
              in.queries.narrow(2, first, count),
              in.keys.narrow(1, first, count),
              in.values.narrow(1, first, count),
              0,
              CAUSAL,
              null);
      close(packed.toFloats(), alone.toFloats());
    }
  }

  private static void close(float[] found, float[] expected) {
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(found[i] - expected[i]) < FLOAT32)) {
        throw new IllegalStateException(
            "attention differs at " + i + ": " + found[i] + " and " + expected[i]);
      }
    }
  }

  private static final class Inputs {
    private final Tensor queries;
    private final Tensor keys;
    private final Tensor values;

    Inputs(Shape shape) {
      this.queries = Tensors.normal(1, shape.kvHeads, shape.group, LENGTH, shape.dim);
      this.keys = Tensors.normal(2, shape.kvHeads, LENGTH, shape.dim);
      this.values = Tensors.normal(3, shape.kvHeads, LENGTH, shape.dim);
    }

    Tensor forward(AttentionRule rule, int @Nullable [][] starts) {
      return VectorAttention.forward(queries, keys, values, 0, rule, starts);
    }

    void pass(AttentionRule rule, int @Nullable [][] starts) {
      try (Scope scope = Scope.open()) {
        Tensor output = forward(rule, starts);
        VectorAttention.backward(queries, keys, values, output, output, rule, starts);
      }
    }
  }
}
