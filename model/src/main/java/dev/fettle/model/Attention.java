package dev.fettle.model;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.AttentionRule;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Self-attention: project to queries, keys and values, normalise them in some families, rotate,
/// attend, project back.
final class Attention {
  private final int layer;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final Projections projections;
  private final @Nullable RmsNorm queryNorm;
  private final @Nullable RmsNorm keyNorm;
  private final Linear outputProjection;
  private final Rope rope;
  private final AttentionRule rule;

  /// @param projections gives queries, keys and values
  /// @param queryNorm of each head of the queries before it is rotated, or null
  /// @param keyNorm of each head of the keys
  Attention(
      int layer,
      ModelConfig config,
      Rope rope,
      Projections projections,
      @Nullable RmsNorm queryNorm,
      @Nullable RmsNorm keyNorm,
      Linear out) {
    this.layer = layer;
    this.heads = config.numAttentionHeads();
    this.kvHeads = config.numKeyValueHeads();
    this.headDim = config.headDim();
    this.rope = rope;
    this.rule = rule(config, layer);
    this.projections = projections;
    this.queryNorm = queryNorm;
    this.keyNorm = keyNorm;
    this.outputProjection = out;
  }

  private static AttentionRule rule(ModelConfig config, int layer) {
    Integer window = config.layers().get(layer).window();
    Double cap = config.softCaps().attention();
    return new AttentionRule(
        config.attentionScale(),
        cap == null ? Double.POSITIVE_INFINITY : cap,
        window == null ? Integer.MAX_VALUE : window);
  }

  Var apply(Pass pass, Var x) {
    List<Var> projected = projections.apply(pass, x);
    Var q = normed(pass, queryNorm, projected.get(0));
    Var k = normed(pass, keyNorm, projected.get(1));
    Var v = projected.get(2);
    rope.rotateInPlace(layer, q.value(), pass, false);
    rope.rotateInPlace(layer, k.value(), pass, false);
    return outputProjection.apply(pass, attend(pass, q, k, v));
  }

  private static Var normed(Pass pass, @Nullable RmsNorm norm, Var x) {
    if (norm == null) {
      return x;
    }
    Var y = norm.apply(pass.tape(), x);
    if (!y.needsGrad()) {
      x.value().close();
    }
    return y;
  }

  /// @param q rotated queries `[batch · length, heads · headDim]`
  /// @param k rotated keys `[batch · length, kvHeads · headDim]`
  /// @param v values, as `k`
  /// @return `[batch · length, heads · headDim]`
  private Var attend(Pass pass, Var q, Var k, Var v) {
    try (Scope scope = Scope.open()) {
      Tensor queries = splitQueries(q.value(), pass);
      Tensor keys = splitKeys(k.value(), pass);
      Tensor values = splitKeys(v.value(), pass);
      q.value().close();
      k.value().close();
      v.value().close();
      int start = 0;
      KvCache cache = pass.cache();
      if (cache != null) {
        KvCache.Past past = cache.append(layer, pass.start(), keys, values);
        keys = past.keys();
        values = past.values();
        start = pass.start() - past.first();
      }
      Tensor attended = CausalAttention.forward(queries, keys, values, start, rule, pass.starts());
      boolean needsGrad =
          pass.tape().recording() && (q.needsGrad() || k.needsGrad() || v.needsGrad());
      Var output = Var.of(scope.keep(joinQueries(attended, pass)), needsGrad);
      if (needsGrad) {
        Tensor savedKeys = scope.keep(keys);
        Tensor savedValues = scope.keep(values);
        scope.keep(queries);
        pass.tape().record(() -> backward(pass, queries, savedKeys, savedValues, output, q, k, v));
      }
      return output;
    }
  }

  private void backward(
      Pass pass, Tensor queries, Tensor keys, Tensor values, Var output, Var q, Var k, Var v) {
    Tensor dOutput = splitQueries(output.takeGrad(), pass);
    Tensor attended = splitQueries(output.value(), pass);
    CausalAttention.Gradients grads =
        CausalAttention.backward(queries, keys, values, attended, dOutput, rule, pass.starts());
    if (q.needsGrad()) {
      Tensor dq = joinQueries(grads.queries(), pass);
      rope.rotateInPlace(layer, dq, pass, true);
      q.accumulate(dq);
    }
    if (k.needsGrad()) {
      Tensor dk = joinKeys(grads.keys(), pass);
      rope.rotateInPlace(layer, dk, pass, true);
      k.accumulate(dk);
    }
    if (v.needsGrad()) {
      v.accumulate(joinKeys(grads.values(), pass));
    }
  }

  /// `[batch · length, heads · headDim]` → `[batch · kvHeads, group, length, headDim]`, a copy.
  private Tensor splitQueries(Tensor rows, Pass pass) {
    long group = heads / kvHeads;
    Tensor split =
        rows.view(pass.batch(), pass.length(), kvHeads, group, headDim).permute(0, 2, 3, 1, 4);
    Tensor flat = split.reshape((long) pass.batch() * kvHeads, group, pass.length(), headDim);
    return isView(flat, rows) ? flat.copy() : flat;
  }

  private Tensor joinQueries(Tensor split, Pass pass) {
    long group = heads / kvHeads;
    return split
        .view(pass.batch(), kvHeads, group, pass.length(), headDim)
        .permute(0, 3, 1, 2, 4)
        .reshape((long) pass.batch() * pass.length(), (long) heads * headDim);
  }

  /// `[batch · length, kvHeads · headDim]` → `[batch · kvHeads, length, headDim]`, a copy.
  private Tensor splitKeys(Tensor rows, Pass pass) {
    Tensor split = rows.view(pass.batch(), pass.length(), kvHeads, headDim).permute(0, 2, 1, 3);
    Tensor flat = split.reshape((long) pass.batch() * kvHeads, pass.length(), headDim);
    return isView(flat, rows) ? flat.copy() : flat;
  }

  private Tensor joinKeys(Tensor split, Pass pass) {
    return split
        .view(pass.batch(), kvHeads, pass.length(), headDim)
        .permute(0, 2, 1, 3)
        .reshape((long) pass.batch() * pass.length(), (long) kvHeads * headDim);
  }

  /// With one token or one head the permutation moves nothing, and `reshape` returns the same
  /// memory.
  private static boolean isView(Tensor flat, Tensor rows) {
    return flat.sharesMemoryWith(rows);
  }
}
