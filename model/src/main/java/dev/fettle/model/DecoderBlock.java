package dev.fettle.model;

import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import org.jspecify.annotations.Nullable;

/// One layer of the decoder: `h = x + m · attention(norm(x))`, `y = h + m · mlp(norm(h))`; in
/// gemma2 and gemma3 each branch's output is normalised too. `m` is 1 but in granite.
final class DecoderBlock {
  private final BlockNorms norms;
  private final Attention attention;
  private final GatedMlp mlp;
  private final double residualMultiplier;

  DecoderBlock(BlockNorms norms, Attention attention, GatedMlp mlp, double residualMultiplier) {
    this.norms = norms;
    this.attention = attention;
    this.mlp = mlp;
    this.residualMultiplier = residualMultiplier;
  }

  BlockNorms norms() {
    return norms;
  }

  /// @param x `[batch · length, hidden]`
  /// @return same shape
  Var apply(Pass pass, Var x) {
    Tape tape = pass.tape();
    Var attended = attention.apply(pass, norms.input().apply(tape, x));
    Var h = addResidual(tape, x, normed(tape, norms.attentionOutput(), attended));
    Var fed = mlp.apply(pass, norms.feedForward().apply(tape, h));
    return addResidual(tape, h, normed(tape, norms.feedForwardOutput(), fed));
  }

  private static Var normed(Tape tape, @Nullable RmsNorm norm, Var branch) {
    return norm == null ? branch : norm.apply(tape, branch);
  }

  /// `x + m · branch`, in the memory of the branch, whose own value no gradient needs.
  private Var addResidual(Tape tape, Var x, Var branch) {
    if (residualMultiplier != 1) {
      branch.value().mulInPlace(residualMultiplier);
    }
    Var sum =
        Var.of(
            branch.value().addInPlace(x.value()),
            tape.recording() && (x.needsGrad() || branch.needsGrad()));
    if (sum.needsGrad()) {
      tape.record(() -> {
        Tensor grad = sum.takeGrad();
        if (branch.needsGrad()) {
          branch.accumulate(branchGradient(grad, x.needsGrad()));
        }
        if (x.needsGrad()) {
          x.accumulate(grad);
        }
      });
    }
    return sum;
  }

  /// The branch reads its gradient before anything is added to that of x: both may share memory.
  private Tensor branchGradient(Tensor grad, boolean shared) {
    if (residualMultiplier != 1) {
      return shared ? grad.mul(residualMultiplier) : grad.mulInPlace(residualMultiplier);
    }
    return shared ? grad.alias() : grad;
  }
}
