package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The scaling of rotary frequencies of Llama 3.1, which GGUF stores as one divisor per frequency
/// in the tensor `rope_freqs.weight`. Source: llama.cpp, `conversion/llama.py`,
/// `generate_extra_tensors`.
final class RopeFactors {
  /// Divisors are float32; what is recovered from them must give them again to a few roundings.
  private static final double TOLERANCE = 1e-5;

  /// As in Llama 3.1, 3.2 and 3.3.
  private static final double LOW = 1;

  private static final double HIGH = 4;
  private static final int ORIGINAL = 8192;

  private RopeFactors() {}

  /// @return `headDim / 2` divisors
  static float[] of(RopeScaling.Llama3 scaling, double theta, int headDim) {
    float[] factors = new float[headDim / 2];
    double original = scaling.originalMaxPositionEmbeddings();
    double low = scaling.lowFreqFactor();
    double high = scaling.highFreqFactor();
    for (int i = 0; i < factors.length; i++) {
      double wavelength = wavelength(theta, headDim, i);
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

  private static double wavelength(double theta, int headDim, int i) {
    return 2 * Math.PI * Math.pow(theta, 2.0 * i / headDim);
  }

  /// The scaling that has these divisors, or null if they are all 1. Scalings whose low, high and
  /// original length differ by a common factor are the same; the one with low factor 1 is taken.
  ///
  /// @param known a scaling noted beside the tensor, tried first
  /// @throws UserException if there is none, as for LongRoPE
  static @Nullable RopeScaling recover(
      float[] factors,
      RopeScaling.@Nullable Llama3 known,
      double theta,
      int headDim,
      String source) {
    if (factors.length != headDim / 2) {
      throw new UserException(
          "Tensor '%s' in %s has %d numbers; a head of width %d has %d frequencies."
              .formatted(GgufFamily.ROPE_FACTORS, source, factors.length, headDim, headDim / 2));
    }
    double factor = 1;
    for (float each : factors) {
      factor = Math.max(factor, each);
    }
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
    RopeScaling.@Nullable Llama3 fitted = fit(factors, factor, theta, headDim);
    if (fitted != null) {
      candidates.add(fitted);
    }
    for (RopeScaling.Llama3 candidate : candidates) {
      if (same(of(candidate, theta, headDim), factors)) {
        return candidate;
      }
    }
    throw new UserException(
        "Tensor '%s' in %s scales rotary frequencies in a way other than Llama 3's, which is not supported yet."
            .formatted(GgufFamily.ROPE_FACTORS, source));
  }

  /// In the transition, `smooth = a / wavelength - b`; two frequencies in it determine both.
  private static RopeScaling.@Nullable Llama3 fit(
      float[] factors, double factor, double theta, int headDim) {
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
    double x1 = 1 / wavelength(theta, headDim, first);
    double x2 = 1 / wavelength(theta, headDim, last);
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
