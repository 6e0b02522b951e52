package dev.fettle.engine;

import dev.fettle.tensor.Parallel;
import jdk.incubator.vector.FloatVector;

/// The gates of [VectorSteps]: both are `x · sigmoid(a(x))`, with `a(x) = x` for SiLU and `a(x) =
/// 2√(2/π)(x + 0.044715 x³)` for the GELU by tanh, because `½ (1 + tanh(z)) = sigmoid(2z)`.
final class VectorGates {
  /// Elements one thread takes at a time: enough to pay for the hand-over, a multiple of every
  /// vector width.
  private static final long GRAIN = 1L << 14;

  /// `2√(2/π)`
  private static final float LINEAR = (float) (2 * Math.sqrt(2 / Math.PI));

  private static final float CUBIC = 0.044715f;

  private VectorGates() {}

  static void forward(boolean gelu, Tensor gate, Tensor up, Tensor y) {
    Lanes g = Lanes.of(gate);
    Lanes u = Lanes.of(up);
    Lanes out = Lanes.of(y);
    Parallel.forRange(
        gate.elements(),
        GRAIN,
        (from, to) -> {
          long at = from;
          for (; at + Lanes.WIDTH <= to; at += Lanes.WIDTH) {
            out.set(at, activated(gelu, g.get(at)).mul(u.get(at)));
          }
          if (at < to) {
            int rest = (int) (to - at);
            out.set(at, activated(gelu, g.get(at, rest)).mul(u.get(at, rest)), rest);
          }
        });
  }

  static void backwardInPlace(boolean gelu, Tensor dy, Tensor gate, Tensor up) {
    Lanes grad = Lanes.of(dy);
    Lanes g = Lanes.of(gate);
    Lanes u = Lanes.of(up);
    Parallel.forRange(
        gate.elements(),
        GRAIN,
        (from, to) -> {
          for (long at = from; at < to; at += Lanes.WIDTH) {
            int count = (int) Math.min(Lanes.WIDTH, to - at);
            if (count == Lanes.WIDTH) {
              FloatVector x = g.get(at);
              FloatVector d = grad.get(at);
              FloatVector s = sigmoid(gelu ? inner(x) : x);
              g.set(at, d.mul(u.get(at)).mul(slope(gelu, x, s)));
              u.set(at, d.mul(x.mul(s)));
            } else {
              FloatVector x = g.get(at, count);
              FloatVector d = grad.get(at, count);
              FloatVector s = sigmoid(gelu ? inner(x) : x);
              g.set(at, d.mul(u.get(at, count)).mul(slope(gelu, x, s)), count);
              u.set(at, d.mul(x.mul(s)), count);
            }
          }
        });
  }

  private static FloatVector activated(boolean gelu, FloatVector x) {
    return x.mul(sigmoid(gelu ? inner(x) : x));
  }

  private static FloatVector inner(FloatVector x) {
    return x.mul(x.mul(x).mul(CUBIC).add(1f)).mul(LINEAR);
  }

  /// `(x · s(a(x)))' = s + x · s · (1 − s) · a'(x)`; for SiLU `a' = 1`.
  private static FloatVector slope(boolean gelu, FloatVector x, FloatVector s) {
    FloatVector activated = x.mul(s);
    FloatVector tail = activated.sub(activated.mul(s));
    if (gelu) {
      tail = tail.mul(x.mul(x).mul(3 * CUBIC).add(1f).mul(LINEAR));
    }
    return tail.add(s);
  }

  private static FloatVector sigmoid(FloatVector x) {
    FloatVector one = FloatVector.broadcast(Lanes.FLOATS, 1f);
    return one.div(Lanes.exp(x.neg()).add(1f));
  }
}
