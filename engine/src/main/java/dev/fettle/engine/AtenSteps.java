package dev.fettle.engine;

import dev.fettle.tensor.DType;

/// {@link FusedSteps} written with LibTorch's own operations: the definition, and what runs on any
/// device.
public final class AtenSteps implements FusedSteps {
  public static final AtenSteps INSTANCE = new AtenSteps();

  private AtenSteps() {}

  @Override
  public Tensor rmsNorm(Tensor x, Tensor weight, double eps, boolean onePlus) {
    try (Scope scope = Scope.open()) {
      Tensor wide = x.to(DType.F32);
      Tensor unit = wide.mul(inverseRms(wide, eps));
      return scope.keep(
          onePlus
              ? unit.mulInPlace(weight.to(DType.F32).add(1)).to(x.dtype())
              : unit.to(x.dtype()).mul(weight));
    }
  }

  @Override
  public Tensor rmsNormBackward(Tensor dy, Tensor x, Tensor weight, double eps, boolean onePlus) {
    try (Scope scope = Scope.open()) {
      Tensor wide = x.to(DType.F32);
      Tensor inverse = inverseRms(wide, eps);
      Tensor unit = wide.mul(inverse);
      Tensor gain = weight.to(DType.F32);
      Tensor dUnit = dy.to(DType.F32).mul(onePlus ? gain.add(1) : gain);
      Tensor along = dUnit.mul(unit).mean(-1);
      Tensor dx = dUnit.addcmulInPlace(unit, along, -1).mulInPlace(inverse);
      return scope.keep(dx.to(x.dtype()));
    }
  }

  @Override
  public Tensor rmsNormWeightGrad(Tensor dy, Tensor x, double eps) {
    try (Scope scope = Scope.open()) {
      Tensor wide = x.to(DType.F32);
      Tensor unit = wide.mul(inverseRms(wide, eps));
      return scope.keep(unit.mul(dy.to(DType.F32)).sum(0, false));
    }
  }

  private static Tensor inverseRms(Tensor wide, double eps) {
    return wide.mul(wide).mean(-1).addInPlace(eps).rsqrt();
  }

  @Override
  public void rotateInPlace(Tensor x, Tensor cos, Tensor sin, int headDim, boolean inverse) {
    try (Scope scope = Scope.open()) {
      long length = cos.size(0);
      long half = cos.size(1);
      Tensor heads = x.view(x.size(0) / length, length, x.size(1) / headDim, headDim);
      Tensor c = cos.view(length, 1, half);
      Tensor s = inverse ? sin.neg().view(length, 1, half) : sin.view(length, 1, half);
      Tensor first = heads.narrow(-1, 0, half);
      Tensor second = heads.narrow(-1, half, half);
      Tensor firstWide = first.to(DType.F32);
      Tensor secondWide = second.to(DType.F32);
      Tensor newFirst = firstWide.mul(c).addcmulInPlace(secondWide, s, -1);
      Tensor newSecond = secondWide.mul(c).addcmulInPlace(firstWide, s, 1);
      first.copyInPlace(newFirst);
      second.copyInPlace(newSecond);
    }
  }

  @Override
  public Tensor gated(Gate kind, Tensor gate, Tensor up) {
    try (Scope scope = Scope.open()) {
      Tensor wide = activated(kind, gate.to(DType.F32)).mulInPlace(up);
      return scope.keep(wide.to(gate.dtype()));
    }
  }

  @Override
  public void gatedBackwardInPlace(Gate kind, Tensor dy, Tensor gate, Tensor up) {
    try (Scope scope = Scope.open()) {
      Tensor wide = gate.to(DType.F32);
      Tensor dActivated = dy.to(DType.F32).mul(up);
      Tensor dGate =
          switch (kind) {
            case SILU -> wide.siluBackward(dActivated);
            case GELU_TANH -> wide.geluBackward(dActivated, true);
            case GELU -> wide.geluBackward(dActivated, false);
          };
      Tensor dUp = activated(kind, wide).mulInPlace(dy);
      gate.copyInPlace(dGate);
      up.copyInPlace(dUp);
    }
  }

  private static Tensor activated(Gate kind, Tensor wide) {
    return switch (kind) {
      case SILU -> wide.silu();
      case GELU_TANH -> wide.gelu(true);
      case GELU -> wide.gelu(false);
    };
  }
}
