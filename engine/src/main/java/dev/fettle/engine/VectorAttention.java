package dev.fettle.engine;

import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.kernel.Kernels;
import org.jspecify.annotations.Nullable;

/// Causal attention in tiles of float32 vectors, each query against just the keys it may see. For
/// tensors too small for LibTorch, which multiplies a batch of small matrices one by one and wakes
/// its threads for each.
///
/// The formulas and the layouts are those of the general implementation, its twin: queries `[batch
/// · kvHeads, group, length, headDim]`; keys and values `[batch · kvHeads, total, headDim]`,
/// float32 or bfloat16; query `i` sees keys up to `start + i`, as far back as the rule and the
/// documents let it. Arithmetic is float32 whatever the tensors are.
public final class VectorAttention {
  /// Tasks worth having: where there are fewer heads, their queries are divided further. A fixed
  /// number, so that sums are the same on every machine.
  private static final int TASKS = 8;

  /// Queries that pay for arranging the keys anew.
  private static final int MIN_QUERIES = 64;

  private VectorAttention() {}

  /// Whether these tensors can be treated here.
  public static boolean supports(Tensor queries) {
    return Kernels.vectorized() && Lanes.supports(queries.dtype());
  }

  /// @param start place of the first query among the keys
  /// @param starts per sequence the first places of its documents; null where each is one
  /// @return the attended values, in the layout of the queries
  public static Tensor forward(
      Tensor queries,
      Tensor keys,
      Tensor values,
      int start,
      AttentionRule rule,
      int @Nullable [][] starts) {
    Tensor output = Tensors.empty(queries.dtype(), queries.shape().toArray());
    try (Scope scope = Scope.open()) {
      Inputs in = Inputs.of(queries, keys, values, start, rule, starts);
      Lanes out = Lanes.of(output);
      int parts = in.parts();
      Parallel.forRange(
          in.heads() * parts,
          1,
          (from, to) -> {
            for (long task = from; task < to; task++) {
              new AttentionForward(in, task / parts).run((int) (task % parts), parts, out);
            }
          });
    }
    return output;
  }

  /// Gradients of the three inputs, in their layouts.
  public record Gradients(Tensor queries, Tensor keys, Tensor values) {}

  /// @param output what {@link #forward} returned for `start` 0
  /// @param dOutput its gradient
  public static Gradients backward(
      Tensor queries,
      Tensor keys,
      Tensor values,
      Tensor output,
      Tensor dOutput,
      AttentionRule rule,
      int @Nullable [][] starts) {
    Tensor dQueries = Tensors.empty(queries.dtype(), queries.shape().toArray());
    Tensor dKeys = Tensors.empty(keys.dtype(), keys.shape().toArray());
    Tensor dValues = Tensors.empty(values.dtype(), values.shape().toArray());
    try (Scope scope = Scope.open()) {
      Inputs in = Inputs.of(queries, keys, values, 0, rule, starts);
      Lanes o = Lanes.of(output.contiguous());
      Lanes dO = Lanes.of(dOutput.contiguous());
      Lanes dQ = Lanes.of(dQueries);
      Lanes dK = Lanes.of(dKeys);
      Lanes dV = Lanes.of(dValues);
      int parts = in.parts();
      AttentionBackward[] done = new AttentionBackward[Math.toIntExact(in.heads() * parts)];
      Parallel.forRange(
          done.length,
          1,
          (from, to) -> {
            for (int task = (int) from; task < to; task++) {
              AttentionBackward backward = new AttentionBackward(in, task / parts);
              backward.run(task % parts, parts, o, dO, dQ);
              if (parts == 1) {
                backward.writeKeysAndValues(dK, dV);
              } else {
                done[task] = backward;
              }
            }
          });
      if (parts > 1) {
        sumParts(done, parts, dK, dV);
      }
    }
    return new Gradients(dQueries, dKeys, dValues);
  }

  private static void sumParts(AttentionBackward[] done, int parts, Lanes dK, Lanes dV) {
    for (int first = 0; first < done.length; first += parts) {
      for (int part = 1; part < parts; part++) {
        done[first].addKeysAndValues(done[first + part]);
      }
      done[first].writeKeysAndValues(dK, dV);
    }
  }

  /// The tensors' memory and sizes.
  ///
  /// @param batch sequences, each with `heads / batch` heads
  record Inputs(
      Lanes queries,
      Lanes keys,
      Lanes values,
      long heads,
      int batch,
      int group,
      int length,
      int total,
      int dim,
      AttentionRule rule,
      VisibleKeys visible) {
    static Inputs of(
        Tensor queries,
        Tensor keys,
        Tensor values,
        int start,
        AttentionRule rule,
        int @Nullable [][] starts) {
      int length = Math.toIntExact(queries.size(2));
      return new Inputs(
          Lanes.of(queries.contiguous()),
          Lanes.of(keys.contiguous()),
          Lanes.of(values.contiguous()),
          queries.size(0),
          starts == null ? 1 : starts.length,
          Math.toIntExact(queries.size(1)),
          length,
          Math.toIntExact(keys.size(1)),
          Math.toIntExact(queries.size(3)),
          rule,
          new VisibleKeys(start, rule.window(), starts, length));
    }

    /// Queries of one head, those of its group together.
    int rows() {
      return group * length;
    }

    /// How many tasks share the queries of one head.
    int parts() {
      long wanted = Math.ceilDiv(TASKS, heads);
      return (int) Math.clamp(rows() / MIN_QUERIES, 1, wanted);
    }
  }
}
