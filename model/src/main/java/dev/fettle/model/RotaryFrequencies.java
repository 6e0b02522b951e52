package dev.fettle.model;

import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// The inverse frequencies of a rotary embedding, float32 at each step as transformers computes
/// them; `modeling_rope_utils.py`.
record RotaryFrequencies(Rotary rotary) {
  /// Which frequencies a text of `length` tokens has: 0 for the usual ones, else a number that
  /// [#inverse] takes.
  int variant(int length) {
    return switch (rotary.scaling()) {
      case null -> 0;
      case RopeScaling.Linear _, RopeScaling.Llama3 _, RopeScaling.Yarn _ -> 0;
      case RopeScaling.Dynamic dynamic -> length > dynamic.maxPositionEmbeddings() ? length : 0;
      case RopeScaling.Longrope longrope ->
          length > longrope.originalMaxPositionEmbeddings()
              ? longrope.originalMaxPositionEmbeddings() + 1
              : 0;
    };
  }

  /// What cosines and sines are multiplied with.
  static double factor(Rotary rotary) {
    return switch (rotary.scaling()) {
      case null -> 1;
      case RopeScaling.Linear _, RopeScaling.Llama3 _, RopeScaling.Dynamic _ -> 1;
      case RopeScaling.Yarn yarn -> yarn.attentionFactor();
      case RopeScaling.Longrope longrope -> longrope.attentionFactor();
    };
  }

  /// Whether the keys of a text of `before` tokens are of no use once it has `after`. Keys that the
  /// dynamic kind has turned stay as they are, as in transformers.
  static boolean change(ModelConfig config, int before, int after) {
    for (Rotary rotary : kinds(config)) {
      if (rotary.scaling() instanceof RopeScaling.Longrope longrope
          && 0 < before
          && before <= longrope.originalMaxPositionEmbeddings()
          && after > longrope.originalMaxPositionEmbeddings()) {
        return true;
      }
    }
    return false;
  }

  private static Set<Rotary> kinds(ModelConfig config) {
    Set<Rotary> kinds = new LinkedHashSet<>();
    for (LayerAttention layer : config.layers()) {
      if (layer.rotary() != null) {
        kinds.add(layer.rotary());
      }
    }
    return kinds;
  }

  /// @param variant what [#variant] returned
  /// @return one for each pair, `[dims / 2]`
  float[] inverse(int variant) {
    return switch (rotary.scaling()) {
      case null -> plain(rotary.theta());
      case RopeScaling.Linear linear -> divided(linear.factor());
      case RopeScaling.Llama3 llama3 -> llama3(plain(rotary.theta()), llama3);
      case RopeScaling.Dynamic dynamic -> plain(stretchedTheta(dynamic, variant));
      case RopeScaling.Yarn yarn -> yarn(yarn);
      case RopeScaling.Longrope longrope ->
          divided(variant == 0 ? longrope.shortFactor() : longrope.longFactor());
    };
  }

  private float[] plain(double theta) {
    float[] inverse = new float[rotary.dims() / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = 1f / power(theta, i);
    }
    return inverse;
  }

  private float power(double theta, int i) {
    return (float) Math.pow(theta, 2f * i / rotary.dims());
  }

  private float[] divided(double factor) {
    float[] inverse = plain(rotary.theta());
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] /= (float) factor;
    }
    return inverse;
  }

  /// `_compute_longrope_parameters`
  private float[] divided(List<Double> factors) {
    float[] inverse = new float[rotary.dims() / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = 1f / (factors.get(i).floatValue() * power(rotary.theta(), i));
    }
    return inverse;
  }

  /// `_compute_dynamic_ntk_parameters`
  private double stretchedTheta(RopeScaling.Dynamic scaling, int length) {
    double trained = scaling.maxPositionEmbeddings();
    double factor = scaling.factor();
    double seen = Math.max(length, trained);
    double dims = rotary.dims();
    double stretch = factor * seen / trained - (factor - 1);
    return rotary.theta() * Math.pow(stretch, dims / (dims - 2));
  }

  /// Long wavelengths are stretched by `factor`, short ones kept, those between interpolated;
  /// `_compute_llama3_parameters`.
  private static float[] llama3(float[] inverse, RopeScaling.Llama3 scaling) {
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

  /// Frequencies that turn often within the original length are kept, those that hardly turn
  /// divided by `factor`, those between interpolated; `_compute_yarn_parameters`.
  private float[] yarn(RopeScaling.Yarn scaling) {
    double low = turningDimension(scaling.betaFast(), scaling);
    double high = turningDimension(scaling.betaSlow(), scaling);
    if (scaling.truncate()) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, rotary.dims() - 1.0);
    if (low == high) {
      high += 0.001;
    }
    float[] inverse = new float[rotary.dims() / 2];
    for (int i = 0; i < inverse.length; i++) {
      float ramp = Math.clamp((i - (float) low) / (float) (high - low), 0f, 1f);
      float kept = 1 - ramp;
      float power = power(rotary.theta(), i);
      inverse[i] = 1f / ((float) scaling.factor() * power) * (1 - kept) + 1f / power * kept;
    }
    return inverse;
  }

  /// The dimension whose frequency turns `rotations` times within the original length.
  private double turningDimension(double rotations, RopeScaling.Yarn scaling) {
    double length = scaling.originalMaxPositionEmbeddings();
    return rotary.dims()
        * Math.log(length / (rotations * 2 * Math.PI))
        / (2 * Math.log(rotary.theta()));
  }
}
