package dev.fettle.model;

import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Rotary position embeddings of every layer: the angle of pair `i` at position `p` is `p ·
/// theta^(−2i/dims)`, stretched as [RotaryFrequencies] says; Su et al. 2021, arXiv:2104.09864,
/// section 3.2.2. Layers that rotate alike share their tables.
final class Rope implements AutoCloseable {
  private final int headDim;
  private final Map<Rotary, RotaryTables> tables = new HashMap<>();
  private final List<@Nullable RotaryTables> layers = new ArrayList<>();
  private final FusedSteps steps = FusedSteps.best();

  Rope(ModelConfig config) {
    this.headDim = config.headDim();
    for (LayerAttention layer : config.layers()) {
      Rotary rotary = layer.rotary();
      layers.add(rotary == null ? null : tables.computeIfAbsent(rotary, RotaryTables::new));
    }
  }

  /// Rotates `x`, `[batch · length, heads · headDim]`, in place by the positions of `pass`, or does
  /// nothing in a layer without positions; with `inverse` the gradient.
  void rotateInPlace(int layer, Tensor x, Pass pass, boolean inverse) {
    RotaryTables own = layers.get(layer);
    if (own == null) {
      return;
    }
    try (Scope scope = Scope.open()) {
      RotaryTables.Angles angles = own.of(pass);
      steps.rotateInPlace(x, angles.cos(), angles.sin(), headDim, inverse);
    }
  }

  @Override
  public void close() {
    tables.values().forEach(RotaryTables::close);
  }
}
