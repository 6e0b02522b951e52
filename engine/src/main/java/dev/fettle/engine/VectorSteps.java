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

  private VectorSteps() {}

  @Override
  public Tensor rmsNorm(Tensor x, Tensor weight, double eps, boolean onePlus) {
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
            out.set(base + i, scaled(out, in.get(base + i).mul(inverse), gain.get(i), onePlus));
          }
          if (i < features) {
            int rest = features - i;
            FloatVector unit = in.get(base + i, rest).mul(inverse);
            out.set(base + i, scaled(out, unit, gain.get(i, rest), onePlus), rest);
          }
        });
    return y;
  }

  private static FloatVector scaled(
      Lanes out, FloatVector unit, FloatVector gain, boolean onePlus) {
    return onePlus ? unit.mul(gain.add(1f)) : out.rounded(unit).mul(gain);
  }

  @Override
  public Tensor rmsNormBackward(Tensor dy, Tensor x, Tensor weight, double eps, boolean onePlus) {
    Tensor dx = Tensors.empty(x.dtype(), x.shape().toArray());
    int features = Math.toIntExact(x.size(-1));
    Lanes grad = Lanes.of(dy);
    Lanes in = Lanes.of(x);
    Lanes gain = Lanes.of(weight);
    Lanes out = Lanes.of(dx);
    float offset = onePlus ? 1 : 0;
    forRows(
        x.size(0),
        features,
        row -> {
          long base = row * features;
          float inverse = inverseRms(in, base, features, eps);
          float along = along(grad, in, gain, offset, base, features) * inverse / features;
          int i = 0;
          for (; i + Lanes.WIDTH <= features; i += Lanes.WIDTH) {
            FloatVector dUnit = grad.get(base + i).mul(gain.get(i).add(offset));
            FloatVector unit = in.get(base + i).mul(inverse);
            out.set(base + i, dUnit.sub(unit.mul(along)).mul(inverse));
          }
          if (i < features) {
            int rest = features - i;
            FloatVector dUnit = grad.get(base + i, rest).mul(gain.get(i, rest).add(offset));
            FloatVector unit = in.get(base + i, rest).mul(inverse);
            out.set(base + i, dUnit.sub(unit.mul(along)).mul(inverse), rest);
          }
        });
    return dx;
  }

  /// Σ dy · (offset + weight) · x of one row.
  private static float along(
      Lanes grad, Lanes in, Lanes gain, float offset, long base, int features) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    int i = 0;
    for (; i + Lanes.WIDTH <= features; i += Lanes.WIDTH) {
      sum = grad.get(base + i).mul(gain.get(i).add(offset)).fma(in.get(base + i), sum);
    }
    if (i < features) {
      int rest = features - i;
      sum =
          grad.get(base + i, rest)
              .mul(gain.get(i, rest).add(offset))
              .fma(in.get(base + i, rest), sum);
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
    int half = Math.toIntExact(cos.size(1));
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
  public Tensor gated(Gate kind, Tensor gate, Tensor up) {
    return switch (kind) {
      case SILU, GELU_TANH -> {
        Tensor y = Tensors.empty(gate.dtype(), gate.shape().toArray());
        VectorGates.forward(kind == Gate.GELU_TANH, gate, up, y);
        yield y;
      }
      // no published model of these families asks for it: LibTorch's error function serves
      case GELU -> AtenSteps.INSTANCE.gated(kind, gate, up);
    };
  }

  @Override
  public void gatedBackwardInPlace(Gate kind, Tensor dy, Tensor gate, Tensor up) {
    switch (kind) {
      case SILU, GELU_TANH -> VectorGates.backwardInPlace(kind == Gate.GELU_TANH, dy, gate, up);
      case GELU -> AtenSteps.INSTANCE.gatedBackwardInPlace(kind, dy, gate, up);
    }
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
