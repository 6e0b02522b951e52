package dev.fettle.model;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;

/// Rotary position embeddings: the angle of pair `i` at position `p` is `p · theta^(−2i/headDim)`;
/// Su et al. 2021, arXiv:2104.09864, section 3.2.2. Tables grow with the longest position asked
/// for.
final class Rope implements AutoCloseable {
  private final Scope scope = Scope.detached();
  private final int headDim;
  private final float[] inverseFrequencies;
  private final FusedSteps steps = FusedSteps.best();
  private int positions;
  private @Nullable Tensor cos;
  private @Nullable Tensor sin;

  Rope(ModelConfig config) {
    this.headDim = config.headDim();
    this.inverseFrequencies = inverseFrequencies(config);
  }

  /// Rotates `x`, `[batch · length, heads · headDim]`, in place; with `inverse` the gradient.
  void rotateInPlace(Tensor x, Pass pass, boolean inverse) {
    grow(pass.start() + pass.length());
    Tensor cosines = cos;
    Tensor sines = sin;
    if (cosines == null || sines == null) {
      throw new IllegalStateException("no rotary tables");
    }
    try (Scope local = Scope.open()) {
      steps.rotateInPlace(
          x,
          cosines.narrow(0, pass.start(), pass.length()),
          sines.narrow(0, pass.start(), pass.length()),
          headDim,
          inverse);
    }
  }

  private void grow(int needed) {
    if (needed <= positions) {
      return;
    }
    int count = Math.max(needed, 2 * positions);
    int half = headDim / 2;
    float[] cosines = new float[count * half];
    float[] sines = new float[count * half];
    for (int p = 0; p < count; p++) {
      for (int i = 0; i < half; i++) {
        float angle = p * inverseFrequencies[i];
        cosines[p * half + i] = (float) Math.cos(angle);
        sines[p * half + i] = (float) Math.sin(angle);
      }
    }
    try (Scope.Entered entered = scope.enter()) {
      cos = Tensors.of(cosines, count, half);
      sin = Tensors.of(sines, count, half);
    }
    positions = count;
  }

  /// float32 at each step, as transformers computes them.
  static float[] inverseFrequencies(ModelConfig config) {
    Rotary rotary = config.layers().getFirst().rotary();
    if (rotary == null) {
      throw new IllegalStateException("no rotary embeddings");
    }
    int half = config.headDim() / 2;
    float[] inverse = new float[half];
    for (int i = 0; i < half; i++) {
      float exponent = 2f * i / config.headDim();
      inverse[i] = 1f / (float) Math.pow(rotary.theta(), exponent);
    }
    RopeScaling scaling = rotary.scaling();
    return switch (scaling) {
      case null -> inverse;
      case RopeScaling.Linear linear -> scaleAll(inverse, linear.factor());
      case RopeScaling.Llama3 llama3 -> scaleLlama3(inverse, llama3);
      case RopeScaling.Dynamic dynamic -> throw unsupported(dynamic);
      case RopeScaling.Yarn yarn -> throw unsupported(yarn);
      case RopeScaling.Longrope longrope -> throw unsupported(longrope);
    };
  }

  private static UserException unsupported(RopeScaling scaling) {
    return new UserException(
        "RoPE scaling " + scaling.getClass().getSimpleName() + " is not computed yet.");
  }

  private static float[] scaleAll(float[] inverse, double factor) {
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] /= (float) factor;
    }
    return inverse;
  }

  /// Long wavelengths are stretched by `factor`, short ones kept, those between interpolated;
  /// transformers, `modeling_rope_utils.py`, `_compute_llama3_parameters`.
  private static float[] scaleLlama3(float[] inverse, RopeScaling.Llama3 scaling) {
    double original = scaling.originalMaxPositionEmbeddings();
    double low = scaling.lowFreqFactor();
    double high = scaling.highFreqFactor();
    for (int i = 0; i < inverse.length; i++) {
      double wavelength = 2 * Math.PI / inverse[i];
      if (wavelength > original / low) {
        inverse[i] /= (float) scaling.factor();
      } else if (wavelength >= original / high) {
        double smooth = (original / wavelength - low) / (high - low);
        inverse[i] = (float) ((1 - smooth) * inverse[i] / scaling.factor() + smooth * inverse[i]);
      }
    }
    return inverse;
  }

  @Override
  public void close() {
    scope.close();
  }
}
