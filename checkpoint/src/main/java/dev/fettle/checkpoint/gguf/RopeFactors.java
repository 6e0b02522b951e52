package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Scalings of rotary frequencies as one divisor per frequency, which GGUF stores in the tensor
/// `rope_freqs.weight`. Sources: llama.cpp, `conversion/llama.py`, `generate_extra_tensors`;
/// transformers, `modeling_rope_utils.py`.
final class RopeFactors {
  /// Divisors are float32; what is recovered from them must give them again to a few roundings.
  private static final double TOLERANCE = 1e-5;

  /// As in Llama 3.1, 3.2 and 3.3.
  private static final double LOW = 1;

  private static final double HIGH = 4;
  private static final int ORIGINAL = 8192;

  private RopeFactors() {}

  /// @param dims rotated numbers of a head
  /// @return `dims / 2` divisors
  static float[] of(RopeScaling.Llama3 scaling, double theta, int dims) {
    float[] factors = new float[dims / 2];
    double original = scaling.originalMaxPositionEmbeddings();
    double low = scaling.lowFreqFactor();
    double high = scaling.highFreqFactor();
    for (int i = 0; i < factors.length; i++) {
      double wavelength = wavelength(theta, dims, i);
      if (wavelength < original / high) {
        factors[i] = 1;
      } else if (wavelength > original / low) {
        factors[i] = (float) scaling.factor();
      } else {
        double smooth = (original / wavelength - low) / (high - low);
        factors[i] = (float) (1 / ((1 - smooth) / scaling.factor() + smooth));
      }
    }
    return factors;
  }

  /// The divisors of YaRN: 1 for fast frequencies, `factor` for slow ones, a ramp between.
  ///
  /// @param dims rotated numbers of a head
  static float[] of(RopeScaling.Yarn yarn, double theta, int dims) {
    double low = border(yarn.betaFast(), yarn, theta, dims);
    double high = border(yarn.betaSlow(), yarn, theta, dims);
    if (yarn.truncate()) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, dims - 1);
    high += low == high ? 0.001 : 0;
    float[] factors = new float[dims / 2];
    for (int i = 0; i < factors.length; i++) {
      double slow = Math.clamp((i - low) / (high - low), 0.0, 1.0);
      factors[i] = (float) (1 / (slow / yarn.factor() + 1 - slow));
    }
    return factors;
  }

  /// The frequency that turns this often within the original length.
  private static double border(double rotations, RopeScaling.Yarn yarn, double theta, int dims) {
    double length = yarn.originalMaxPositionEmbeddings();
    return dims * Math.log(length / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
  }

  private static double wavelength(double theta, int dims, int i) {
    return 2 * Math.PI * Math.pow(theta, 2.0 * i / dims);
  }

  /// The scaling of Llama 3 that has these divisors, null if they are all 1, else LongRoPE with
  /// them. Scalings whose low, high and original length differ by a common factor are the same; the
  /// one with low factor 1 is taken.
  ///
  /// @param known a scaling noted beside the tensor, tried first
  /// @param original tokens, for LongRoPE
  /// @throws UserException if there are not `dims / 2` positive ones
  static @Nullable RopeScaling recover(
      float[] factors,
      RopeScaling.@Nullable Llama3 known,
      double theta,
      int dims,
      int original,
      String source) {
    check(factors, GgufFamily.ROPE_FACTORS, dims, source);
    double factor = largest(factors);
    float[] ones = new float[factors.length];
    Arrays.fill(ones, 1);
    if (factor == 1 && same(ones, factors)) {
      return null;
    }
    List<RopeScaling.Llama3> candidates = new ArrayList<>();
    if (known != null) {
      candidates.add(known);
    }
    candidates.add(new RopeScaling.Llama3(factor, LOW, HIGH, ORIGINAL));
    RopeScaling.@Nullable Llama3 fitted = fit(factors, factor, theta, dims);
    if (fitted != null) {
      candidates.add(fitted);
    }
    for (RopeScaling.Llama3 candidate : candidates) {
      if (same(of(candidate, theta, dims), factors)) {
        return candidate;
      }
    }
    return new RopeScaling.Longrope(decimals(factors), decimals(factors), 1, original);
  }

  /// @param tensor that holds them, for messages
  static void check(float[] factors, String tensor, int dims, String source) {
    if (factors.length != dims / 2) {
      throw new UserException(
          "Tensor '%s' in %s has %d numbers; rotary embeddings of width %d have %d frequencies."
              .formatted(tensor, source, factors.length, dims, dims / 2));
    }
    for (float each : factors) {
      if (!(each > 0) || Float.isInfinite(each)) {
        throw new UserException(
            "Tensor '%s' in %s divides a rotary frequency by %s; expected positive numbers."
                .formatted(tensor, source, each));
      }
    }
  }

  static List<Double> decimals(float[] factors) {
    List<Double> decimals = new ArrayList<>(factors.length);
    for (float each : factors) {
      decimals.add(Double.parseDouble(Float.toString(each)));
    }
    return decimals;
  }

  static float[] floats(List<Double> factors) {
    float[] floats = new float[factors.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = factors.get(i).floatValue();
    }
    return floats;
  }

  static double largest(float[] factors) {
    double largest = 1;
    for (float each : factors) {
      largest = Math.max(largest, each);
    }
    return largest;
  }

  /// In the transition, `smooth = a / wavelength - b`; two frequencies in it determine both.
  private static RopeScaling.@Nullable Llama3 fit(
      float[] factors, double factor, double theta, int dims) {
    int first = -1;
    int last = -1;
    for (int i = 0; i < factors.length; i++) {
      if (factors[i] > 1 && factors[i] < factor) {
        first = first < 0 ? i : first;
        last = i;
      }
    }
    if (first == last) {
      return null;
    }
    double x1 = 1 / wavelength(theta, dims, first);
    double x2 = 1 / wavelength(theta, dims, last);
    double y1 = smooth(factors[first], factor);
    double y2 = smooth(factors[last], factor);
    double a = (y1 - y2) / (x1 - x2);
    double b = a * x1 - y1;
    double high = LOW * (1 + 1 / b);
    long original = Math.round(a * (high - LOW));
    return b > 0 && original > 0 && original <= Integer.MAX_VALUE
        ? new RopeScaling.Llama3(factor, LOW, high, (int) original)
        : null;
  }

  private static double smooth(double divisor, double factor) {
    return (1 / divisor - 1 / factor) / (1 - 1 / factor);
  }

  private static boolean same(float[] a, float[] b) {
    for (int i = 0; i < a.length; i++) {
      if (!(Math.abs(a[i] - b[i]) <= TOLERANCE * Math.max(1, Math.abs(b[i])))) {
        return false;
      }
    }
    return true;
  }
}
