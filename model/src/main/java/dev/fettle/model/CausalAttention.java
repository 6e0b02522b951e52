package dev.fettle.model;

import dev.fettle.engine.AttentionRule;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.VectorAttention;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// Causal attention with grouped key/value heads, forward and backward, without ever holding the
/// scores of all positions: queries are taken in chunks, and the backward pass computes a chunk's
/// probabilities again from the queries and keys.
///
/// With `S = scale · Q·Kᵀ`, `C = cap · tanh(S/cap)`, `P = softmax(C)` over the keys a query sees,
/// `O = P·V`: `dV = Pᵀ·dO`, `dP = dO·Vᵀ`, `dC = P ∘ (dP − rowsum(dO ∘ O))`, `dS = dC ∘ (1 −
/// (C/cap)²)`, `dQ = scale · dS·K`, `dK = scale · dSᵀ·Q`; Dao et al. 2022, arXiv:2205.14135,
/// appendix B.2.
///
/// Layouts: queries `[batch · kvHeads, group, length, headDim]`, keys and values `[batch · kvHeads,
/// total, headDim]`. Where sequences hold several documents, each is computed by itself.
final class CausalAttention {
  /// Queries of one chunk: large enough for the matrix products, small enough that half of the
  /// masked scores of a long sequence are never computed.
  static final int CHUNK = 128;

  /// Scores of one chunk, all heads together, that may be in memory at once.
  private static final long MAX_CHUNK_SCORES = 1L << 24;

  /// Queries of a head, those of its group together, from which on arranging its keys pays.
  private static final int MANY_QUERIES = 16;

  /// Numbers of a head's keys that may be arranged for fewer.
  private static final long MOST_KEYS = 1L << 15;

  /// Multiplications of a head in bfloat16 up to which calling the library costs more than they do.
  private static final long MOST_BFLOAT16 = 1L << 20;

  private CausalAttention() {}

  /// Gradients of the three inputs, in their layouts.
  record Gradients(Tensor queries, Tensor keys, Tensor values) {}

  /// @param start position of the first query; keys reach from position 0
  /// @param starts per sequence the first positions of its documents, ascending from 0; null where
  ///   each is one document; only with `start` 0
  /// @return `[batch · kvHeads, group, length, headDim]`
  static Tensor forward(
      Tensor queries,
      Tensor keys,
      Tensor values,
      int start,
      AttentionRule rule,
      int @Nullable [][] starts) {
    return byVectors(queries, keys, rule, starts)
        ? VectorAttention.forward(queries, keys, values, start, rule, starts)
        : forwardByProducts(queries, keys, values, start, rule, starts);
  }

  /// Whether the vector kernel is likely the faster one. In float32 it is where it need not arrange
  /// many keys for few queries; in bfloat16, for which processors have products of their own, where
  /// those would be small.
  private static boolean byVectors(
      Tensor queries, Tensor keys, AttentionRule rule, int @Nullable [][] starts) {
    if (!VectorAttention.supports(queries)) {
      return false;
    }
    int length = Math.toIntExact(queries.size(2));
    long rows = queries.size(1) * Documents.longest(starts, length);
    long seen = starts == null ? keys.size(1) : Documents.longest(starts, length);
    long dim = queries.size(3);
    if (rows < MANY_QUERIES) {
      return seen * dim <= MOST_KEYS;
    }
    return queries.dtype() == DType.F32
        || rows * Math.min(seen, rule.window()) * dim <= MOST_BFLOAT16;
  }

  /// Batched matrix products, on any device; the definition.
  static Tensor forwardByProducts(
      Tensor queries,
      Tensor keys,
      Tensor values,
      int start,
      AttentionRule rule,
      int @Nullable [][] starts) {
    Tensor output = Tensors.empty(queries.dtype(), queries.shape().toArray());
    Inputs all = new Inputs(queries, keys, values);
    if (starts == null) {
      forwardDocument(all, start, rule, output);
      return output;
    }
    for (int row = 0; row < starts.length; row++) {
      for (int i = 0; i < starts[row].length; i++) {
        try (Scope scope = Scope.open()) {
          Span span = Span.of(starts, row, i, all);
          forwardDocument(span.of(all), 0, rule, span.ofQueries(output));
        }
      }
    }
    return output;
  }

  private static void forwardDocument(Inputs in, int start, AttentionRule rule, Tensor output) {
    int length = in.length();
    int step = in.chunk(rule);
    for (int from = 0; from < length; from += step) {
      try (Scope scope = Scope.open()) {
        Chunk chunk = new Chunk(in, start, from, Math.min(step, length - from), rule);
        Tensor o = chunk.probabilities(chunk.scores()).bmm(chunk.values());
        output.narrow(2, from, chunk.count()).copyInPlace(chunk.unfold(o));
      }
    }
  }

  /// @param output what {@link #forward} returned for `start` 0
  /// @param dOutput its gradient, same layout
  static Gradients backward(
      Tensor queries,
      Tensor keys,
      Tensor values,
      Tensor output,
      Tensor dOutput,
      AttentionRule rule,
      int @Nullable [][] starts) {
    if (byVectors(queries, keys, rule, starts)) {
      VectorAttention.Gradients fused =
          VectorAttention.backward(queries, keys, values, output, dOutput, rule, starts);
      return new Gradients(fused.queries(), fused.keys(), fused.values());
    }
    return backwardByProducts(queries, keys, values, output, dOutput, rule, starts);
  }

  static Gradients backwardByProducts(
      Tensor queries,
      Tensor keys,
      Tensor values,
      Tensor output,
      Tensor dOutput,
      AttentionRule rule,
      int @Nullable [][] starts) {
    try (Scope scope = Scope.open()) {
      Inputs in = new Inputs(queries, keys, values);
      Gradients grads =
          new Gradients(
              Tensors.empty(queries.dtype(), queries.shape().toArray()),
              Tensors.zeros(DType.F32, keys.shape().toArray()),
              Tensors.zeros(DType.F32, values.shape().toArray()));
      Tensor along = output.to(DType.F32).mul(dOutput).sum(-1, true);
      if (starts == null) {
        backwardDocument(in, along, dOutput, rule, grads);
      } else {
        backwardDocuments(in, along, dOutput, rule, starts, grads);
      }
      return new Gradients(
          scope.keep(grads.queries()),
          scope.keep(grads.keys().to(keys.dtype())),
          scope.keep(grads.values().to(values.dtype())));
    }
  }

  private static void backwardDocuments(
      Inputs in,
      Tensor along,
      Tensor dOutput,
      AttentionRule rule,
      int[][] starts,
      Gradients grads) {
    for (int row = 0; row < starts.length; row++) {
      for (int i = 0; i < starts[row].length; i++) {
        try (Scope scope = Scope.open()) {
          Span span = Span.of(starts, row, i, in);
          backwardDocument(
              span.of(in),
              span.ofQueries(along),
              span.ofQueries(dOutput),
              rule,
              new Gradients(
                  span.ofQueries(grads.queries()),
                  span.ofKeys(grads.keys()),
                  span.ofKeys(grads.values())));
        }
      }
    }
  }

  /// @param along `rowsum(dO ∘ O)`, float32 `[heads, group, length, 1]`
  /// @param grads where those of the queries are written and the others added, in float32
  private static void backwardDocument(
      Inputs in, Tensor along, Tensor dOutput, AttentionRule rule, Gradients grads) {
    int length = in.length();
    int step = in.chunk(rule);
    for (int from = 0; from < length; from += step) {
      try (Scope scope = Scope.open()) {
        Chunk chunk = new Chunk(in, 0, from, Math.min(step, length - from), rule);
        Tensor dO = chunk.fold(dOutput);
        Tensor scores = chunk.scores();
        Tensor p = chunk.probabilities(scores);
        chunk.visible(grads.values()).addInPlace(p.transpose(1, 2).bmm(dO));
        Tensor dS = dO.bmm(chunk.values().transpose(1, 2));
        dS.subInPlace(chunk.fold(along).to(dS.dtype())).mulInPlace(p);
        if (rule.capped()) {
          dS.mulInPlace(chunk.slopes(scores));
        }
        Tensor dQ = dS.bmm(chunk.keys()).mulInPlace(rule.scale());
        grads.queries().narrow(2, from, chunk.count()).copyInPlace(chunk.unfold(dQ));
        chunk.visible(grads.keys()).addInPlace(dS.transpose(1, 2).bmm(chunk.queries()));
      }
    }
  }

  /// The tensors of one call, or of one document of it.
  private record Inputs(Tensor queries, Tensor keys, Tensor values) {
    int length() {
      return Math.toIntExact(queries.size(2));
    }

    int chunk(AttentionRule rule) {
      long heads = queries.size(0) * queries.size(1);
      long seen = Math.min(keys.size(1), (long) rule.window() + CHUNK);
      return (int) Math.clamp(MAX_CHUNK_SCORES / (heads * seen), 1, CHUNK);
    }
  }

  /// One document: some of the heads, some of the positions.
  private record Span(long head, long heads, int from, int length) {
    static Span of(int[][] starts, int row, int i, Inputs in) {
      long heads = in.queries().size(0) / starts.length;
      int from = starts[row][i];
      int to = i + 1 < starts[row].length ? starts[row][i + 1] : in.length();
      return new Span(row * heads, heads, from, to - from);
    }

    Inputs of(Inputs all) {
      return new Inputs(ofQueries(all.queries()), ofKeys(all.keys()), ofKeys(all.values()));
    }

    Tensor ofQueries(Tensor tensor) {
      return tensor.narrow(0, head, heads).narrow(2, from, length);
    }

    Tensor ofKeys(Tensor tensor) {
      return tensor.narrow(0, head, heads).narrow(1, from, length);
    }
  }

  /// Some queries of every head, the group folded into the rows, `[heads, group · count, headDim]`,
  /// with the keys and values that any of them sees.
  private static final class Chunk {
    private final Inputs in;
    private final AttentionRule rule;
    private final int from;
    private final int count;
    private final long firstKey;
    private final long visible;

    /// The first key that the window lets the first query see; negative if that is before all.
    private final long cut;

    private final Tensor queries;

    Chunk(Inputs in, int start, int from, int count, AttentionRule rule) {
      this.in = in;
      this.rule = rule;
      this.from = from;
      this.count = count;
      this.cut = start + from + 1L - rule.window();
      this.firstKey = Math.max(0, cut);
      this.visible = start + from + count - firstKey;
      this.queries = fold(in.queries()).mul(rule.scale());
    }

    int count() {
      return count;
    }

    Tensor queries() {
      return queries;
    }

    Tensor keys() {
      return visible(in.keys());
    }

    Tensor values() {
      return visible(in.values());
    }

    Tensor visible(Tensor keysOrValues) {
      return keysOrValues.narrow(1, firstKey, visible);
    }

    Tensor fold(Tensor heads) {
      return heads.narrow(2, from, count).reshape(heads.size(0), -1, heads.size(3));
    }

    Tensor unfold(Tensor rows) {
      return rows.view(rows.size(0), -1, count, rows.size(2));
    }

    /// `[heads, group · count, visible]`, capped but not masked.
    Tensor scores() {
      Tensor scores = queries.bmm(keys().transpose(1, 2));
      return rule.capped()
          ? scores.mulInPlace(1 / rule.softCap()).tanhInPlace().mulInPlace(rule.softCap())
          : scores;
    }

    /// Softmax over the keys that each query sees; without a cap, masks `scores` itself.
    Tensor probabilities(Tensor scores) {
      Tensor masked = rule.capped() && count > 1 ? scores.copy() : scores;
      Tensor rows = masked.view(scores.size(0), -1, count, visible);
      if (count > 1) { // the last keys are those of the queries themselves
        rows.narrow(3, visible - count, count).addInPlace(ahead());
      }
      if (Math.min(cut, 0) + count > 1) {
        long width = Math.min(visible, count);
        rows.narrow(3, 0, width).addInPlace(behind(width));
      }
      return masked.softmax(scores.dtype());
    }

    /// `[count, count]`, 0 on and below the diagonal, −∞ above.
    private Tensor ahead() {
      return Tensors.full(DType.F32, Double.NEGATIVE_INFINITY, count, count)
          .triu(1)
          .to(queries.dtype());
    }

    /// `[count, width]`, −∞ where the key lies before the window: query i sees keys from `cut + i`.
    private Tensor behind(long width) {
      long diagonal = cut - firstKey - 1;
      return Tensors.full(DType.F32, Double.NEGATIVE_INFINITY, count, width)
          .tril(diagonal)
          .to(queries.dtype());
    }

    /// The slope of the soft cap, `1 − (C/cap)²`.
    Tensor slopes(Tensor capped) {
      Tensor tanh = capped.mul(1 / rule.softCap());
      return tanh.mulInPlace(tanh).mulInPlace(-1.0).addInPlace(1.0);
    }
  }
}
