package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.VectorAttention;
import dev.fettle.tensor.DType;

/// Causal attention with grouped key/value heads, forward and backward, without ever holding the
/// scores of all positions: queries are taken in chunks, and the backward pass computes a chunk's
/// probabilities again from the queries and keys.
///
/// With `S = Q·Kᵀ/√d`, `P = softmax(S)`, `O = P·V`: `dV = Pᵀ·dO`, `dP = dO·Vᵀ`, `dS = P ∘ (dP −
/// rowsum(dO ∘ O))`, `dQ = dS·K/√d`, `dK = dSᵀ·Q/√d`; Dao et al. 2022, arXiv:2205.14135, appendix
/// B.2.
///
/// Layouts: queries `[batch · kvHeads, group, length, headDim]`, keys and values `[batch · kvHeads,
/// total, headDim]`.
final class CausalAttention {
  /// Queries of one chunk: large enough for the matrix products, small enough that half of the
  /// masked scores of a long sequence are never computed.
  static final int CHUNK = 128;

  /// Scores of one chunk, all heads together, that may be in memory at once.
  private static final long MAX_CHUNK_SCORES = 1L << 24;

  private CausalAttention() {}

  /// Gradients of the three inputs, in their layouts.
  record Gradients(Tensor queries, Tensor keys, Tensor values) {}

  /// @param queries already divided by `√headDim`
  /// @param start position of the first query; keys reach from position 0
  /// @return `[batch · kvHeads, group, length, headDim]`
  static Tensor forward(Tensor queries, Tensor keys, Tensor values, int start) {
    return VectorAttention.supports(queries)
        ? VectorAttention.forward(queries, keys, values, start)
        : forwardByProducts(queries, keys, values, start);
  }

  /// Batched matrix products, on any device; the definition.
  static Tensor forwardByProducts(Tensor queries, Tensor keys, Tensor values, int start) {
    Tensor output = Tensors.empty(queries.dtype(), queries.shape().toArray());
    int length = Math.toIntExact(queries.size(2));
    int step = chunk(queries, keys);
    for (int from = 0; from < length; from += step) {
      try (Scope scope = Scope.open()) {
        int count = Math.min(step, length - from);
        Tensor q = chunkOf(queries, from, count);
        long visible = start + from + (long) count;
        Tensor p = probabilities(q, keys.narrow(1, 0, visible), count);
        Tensor o = p.bmm(values.narrow(1, 0, visible));
        output.narrow(2, from, count).copyInPlace(unchunk(o, queries, count));
      }
    }
    return output;
  }

  /// @param output what {@link #forward} returned
  /// @param dOutput its gradient, same layout
  static Gradients backward(
      Tensor queries, Tensor keys, Tensor values, Tensor output, Tensor dOutput) {
    if (VectorAttention.supports(queries)) {
      VectorAttention.Gradients fused =
          VectorAttention.backward(queries, keys, values, output, dOutput);
      return new Gradients(fused.queries(), fused.keys(), fused.values());
    }
    return backwardByProducts(queries, keys, values, output, dOutput);
  }

  static Gradients backwardByProducts(
      Tensor queries, Tensor keys, Tensor values, Tensor output, Tensor dOutput) {
    try (Scope all = Scope.open()) {
      Tensor dQueries = Tensors.empty(queries.dtype(), queries.shape().toArray());
      Tensor dKeys = Tensors.zeros(DType.F32, keys.shape().toArray());
      Tensor dValues = Tensors.zeros(DType.F32, values.shape().toArray());
      Tensor along = output.to(DType.F32).mul(dOutput).sum(-1, true);
      int length = Math.toIntExact(queries.size(2));
      int step = chunk(queries, keys);
      for (int from = 0; from < length; from += step) {
        try (Scope scope = Scope.open()) {
          int count = Math.min(step, length - from);
          long visible = from + (long) count;
          Tensor q = chunkOf(queries, from, count);
          Tensor dO = chunkOf(dOutput, from, count);
          Tensor k = keys.narrow(1, 0, visible);
          Tensor v = values.narrow(1, 0, visible);
          Tensor p = probabilities(q, k, count);
          dValues.narrow(1, 0, visible).addInPlace(p.transpose(1, 2).bmm(dO));
          Tensor dS = dO.bmm(v.transpose(1, 2));
          dS.subInPlace(chunkOf(along, from, count).to(dS.dtype())).mulInPlace(p);
          dQueries.narrow(2, from, count).copyInPlace(unchunk(dS.bmm(k), queries, count));
          dKeys.narrow(1, 0, visible).addInPlace(dS.transpose(1, 2).bmm(q));
        }
      }
      return new Gradients(
          all.keep(dQueries),
          all.keep(dKeys.to(keys.dtype())),
          all.keep(dValues.to(values.dtype())));
    }
  }

  private static int chunk(Tensor queries, Tensor keys) {
    long heads = queries.size(0) * queries.size(1);
    long fitting = MAX_CHUNK_SCORES / (heads * keys.size(1));
    return (int) Math.clamp(fitting, 1, CHUNK);
  }

  /// Some queries of every head, the group folded into the rows: `[b, group · count, headDim]`.
  private static Tensor chunkOf(Tensor heads, int from, int count) {
    return heads.narrow(2, from, count).reshape(heads.size(0), -1, heads.size(3));
  }

  private static Tensor unchunk(Tensor rows, Tensor like, int count) {
    return rows.view(like.size(0), like.size(1), count, like.size(3));
  }

  /// Softmax of the scores; the last `count` keys are those of the queries themselves and are
  /// masked above the diagonal.
  private static Tensor probabilities(Tensor q, Tensor k, int count) {
    try (Scope scope = Scope.open()) {
      Tensor scores = q.bmm(k.transpose(1, 2));
      if (count > 1) {
        long visible = k.size(1);
        scores
            .view(scores.size(0), -1, count, visible)
            .narrow(3, visible - count, count)
            .addInPlace(causalMask(count, scores.dtype()));
      }
      return scope.keep(scores.softmax(scores.dtype()));
    }
  }

  /// `[count, count]`, 0 on and below the diagonal, −∞ above.
  private static Tensor causalMask(int count, DType dtype) {
    return Tensors.full(DType.F32, Double.NEGATIVE_INFINITY, count, count).triu(1).to(dtype);
  }
}
