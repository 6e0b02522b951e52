package dev.fettle.engine;

import dev.fettle.tensor.Parallel;
import jdk.incubator.vector.FloatVector;

/// {@link FusedSteps} for host memory: each step reads and writes its tensors once, on all
/// processors. {@link AtenSteps} is the definition.
///
/// Every operation used is rounded the same way whether the code is interpreted or compiled, so
/// that a step gives the same bits each time: no `reduceLanes`, whose order is undefined, and no
/// `VectorOperators.EXP`, which compiled code takes from another library.
public final class VectorSteps implements FusedSteps {
  public static final VectorSteps INSTANCE = new VectorSteps();

  /// Elements one thread takes at a time: enough to pay for the hand-over.
  private static final long GRAIN = 1L << 15;

  /// The same for the heavier gate, a multiple of every vector width.
  private static final long ELEMENT_GRAIN = 1L << 14;

  private VectorSteps() {}

  @Override
  public Tensor rmsNorm(Tensor x, Tensor weight, double eps) {
    Tensor y = Tensors.empty(x.dtype(), x.shape().toArray());
    int features = Math.toIntExact(x.size(-1));
    Lanes in = Lanes.of(x);
    Lanes gain = Lanes.of(weight);
    Lanes out = Lanes.of(y);
    forRows(
        x.size(0),
        features,
        row -> {
          long base = row * features;
          float inverse = inverseRms(in, base, features, eps);
          int i = 0;
          for (; i + Lanes.WIDTH <= features; i += Lanes.WIDTH) {
            out.set(base + i, out.rounded(in.get(base + i).mul(inverse)).mul(gain.get(i)));
          }
          if (i < features) {
            int rest = features - i;
            FloatVector unit = out.rounded(in.get(base + i, rest).mul(inverse));
            out.set(base + i, unit.mul(gain.get(i, rest)), rest);
          }
        });
    return y;
  }

  @Override
  public Tensor rmsNormBackward(Tensor dy, Tensor x, Tensor weight, double eps) {
    Tensor dx = Tensors.empty(x.dtype(), x.shape().toArray());
    int features = Math.toIntExact(x.size(-1));
    Lanes grad = Lanes.of(dy);
    Lanes in = Lanes.of(x);
    Lanes gain = Lanes.of(weight);
    Lanes out = Lanes.of(dx);
    forRows(
        x.size(0),
        features,
        row -> {
          long base = row * features;
          float inverse = inverseRms(in, base, features, eps);
          float along = along(grad, in, gain, base, features) * inverse / features;
          int i = 0;
          for (; i + Lanes.WIDTH <= features; i += Lanes.WIDTH) {
            FloatVector dUnit = grad.get(base + i).mul(gain.get(i));
            FloatVector unit = in.get(base + i).mul(inverse);
            out.set(base + i, dUnit.sub(unit.mul(along)).mul(inverse));
          }
          if (i < features) {
            int rest = features - i;
            FloatVector dUnit = grad.get(base + i, rest).mul(gain.get(i, rest));
            FloatVector unit = in.get(base + i, rest).mul(inverse);
            out.set(base + i, dUnit.sub(unit.mul(along)).mul(inverse), rest);
          }
        });
    return dx;
  }

  /// Σ dy · weight · x of one row.
  private static float along(Lanes grad, Lanes in, Lanes gain, long base, int features) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    int i = 0;
    for (; i + Lanes.WIDTH <= features; i += Lanes.WIDTH) {
      sum = grad.get(base + i).mul(gain.get(i)).fma(in.get(base + i), sum);
    }
    if (i < features) {
      int rest = features - i;
      sum = grad.get(base + i, rest).mul(gain.get(i, rest)).fma(in.get(base + i, rest), sum);
    }
    return Lanes.sum(sum);
  }

  private static float inverseRms(Lanes in, long base, int features, double eps) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    int i = 0;
    for (; i + Lanes.WIDTH <= features; i += Lanes.WIDTH) {
      FloatVector x = in.get(base + i);
      sum = x.fma(x, sum);
    }
    if (i < features) {
      FloatVector x = in.get(base + i, features - i);
      sum = x.fma(x, sum);
    }
    float mean = Lanes.sum(sum) / features;
    return (float) (1 / Math.sqrt(mean + (float) eps));
  }

  /// A sum over rows, which only full fine-tuning needs: LibTorch's reduction serves.
  @Override
  public Tensor rmsNormWeightGrad(Tensor dy, Tensor x, double eps) {
    return AtenSteps.INSTANCE.rmsNormWeightGrad(dy, x, eps);
  }

  @Override
  public void rotateInPlace(Tensor x, Tensor cos, Tensor sin, int headDim, boolean inverse) {
    long length = cos.size(0);
    int half = headDim / 2;
    int features = Math.toIntExact(x.size(1));
    Lanes values = Lanes.of(x);
    Lanes cosines = Lanes.of(cos);
    Lanes sines = Lanes.of(sin);
    float sign = inverse ? -1 : 1;
    forRows(
        x.size(0),
        features,
        row -> {
          long angles = row % length * half;
          for (int head = 0; head < features; head += headDim) {
            long first = row * features + head;
            for (int i = 0; i < half; i += Lanes.WIDTH) {
              int count = Math.min(Lanes.WIDTH, half - i);
              FloatVector c = cosines.get(angles + i, count);
              FloatVector s = sines.get(angles + i, count).mul(sign);
              FloatVector a = values.get(first + i, count);
              FloatVector b = values.get(first + half + i, count);
              values.set(first + i, a.mul(c).sub(b.mul(s)), count);
              values.set(first + half + i, b.mul(c).add(a.mul(s)), count);
            }
          }
        });
  }

  @Override
  public Tensor swiGlu(Tensor gate, Tensor up) {
    Tensor y = Tensors.empty(gate.dtype(), gate.shape().toArray());
    Lanes g = Lanes.of(gate);
    Lanes u = Lanes.of(up);
    Lanes out = Lanes.of(y);
    Parallel.forRange(gate.elements(), ELEMENT_GRAIN, (from, to) -> swiGlu(g, u, out, from, to));
    return y;
  }

  private static void swiGlu(Lanes g, Lanes u, Lanes out, long from, long to) {
    long at = from;
    for (; at + Lanes.WIDTH <= to; at += Lanes.WIDTH) {
      FloatVector x = g.get(at);
      out.set(at, x.mul(sigmoid(x)).mul(u.get(at)));
    }
    if (at < to) {
      int rest = (int) (to - at);
      FloatVector x = g.get(at, rest);
      out.set(at, x.mul(sigmoid(x)).mul(u.get(at, rest)), rest);
    }
  }

  @Override
  public void swiGluBackwardInPlace(Tensor dy, Tensor gate, Tensor up) {
    Lanes grad = Lanes.of(dy);
    Lanes g = Lanes.of(gate);
    Lanes u = Lanes.of(up);
    Parallel.forRange(
        gate.elements(), ELEMENT_GRAIN, (from, to) -> swiGluBackward(grad, g, u, from, to));
  }

  private static void swiGluBackward(Lanes grad, Lanes g, Lanes u, long from, long to) {
    long at = from;
    for (; at + Lanes.WIDTH <= to; at += Lanes.WIDTH) {
      FloatVector x = g.get(at);
      FloatVector d = grad.get(at);
      FloatVector s = sigmoid(x);
      FloatVector silu = x.mul(s);
      g.set(at, d.mul(u.get(at)).mul(slope(silu, s)));
      u.set(at, d.mul(silu));
    }
    if (at < to) {
      int rest = (int) (to - at);
      FloatVector x = g.get(at, rest);
      FloatVector d = grad.get(at, rest);
      FloatVector s = sigmoid(x);
      FloatVector silu = x.mul(s);
      g.set(at, d.mul(u.get(at, rest)).mul(slope(silu, s)), rest);
      u.set(at, d.mul(silu), rest);
    }
  }

  /// `silu'(x) = s · (1 + x · (1 − s)) = s + silu · (1 − s)`
  private static FloatVector slope(FloatVector silu, FloatVector s) {
    return silu.sub(silu.mul(s)).add(s);
  }

  private static FloatVector sigmoid(FloatVector x) {
    FloatVector one = FloatVector.broadcast(Lanes.FLOATS, 1f);
    return one.div(Lanes.exp(x.neg()).add(1f));
  }

  private interface Row {
    void run(long row);
  }

  private static void forRows(long rows, int features, Row body) {
    Parallel.forRange(
        rows,
        Math.max(1, GRAIN / features),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            body.run(row);
          }
        });
  }
}
