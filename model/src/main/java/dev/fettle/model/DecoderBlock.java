package dev.fettle.model;

import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;

/// One layer of the decoder: `h = x + attention(norm(x))`, `y = h + mlp(norm(h))`.
final class DecoderBlock {
  private final RmsNorm inputNorm;
  private final Attention attention;
  private final RmsNorm postAttentionNorm;
  private final GatedMlp mlp;

  DecoderBlock(RmsNorm inputNorm, Attention attention, RmsNorm postAttentionNorm, GatedMlp mlp) {
    this.inputNorm = inputNorm;
    this.attention = attention;
    this.postAttentionNorm = postAttentionNorm;
    this.mlp = mlp;
  }

  RmsNorm inputNorm() {
    return inputNorm;
  }

  RmsNorm postAttentionNorm() {
    return postAttentionNorm;
  }

  /// @param x `[batch · length, hidden]`
  /// @return same shape
  Var apply(Pass pass, Var x) {
    Tape tape = pass.tape();
    Var h = addResidual(tape, x, attention.apply(pass, inputNorm.apply(tape, x)));
    return addResidual(tape, h, mlp.apply(pass, postAttentionNorm.apply(tape, h)));
  }

  /// `x + branch`, in the memory of the branch, whose own value no gradient needs.
  private static Var addResidual(Tape tape, Var x, Var branch) {
    Var sum =
        Var.of(
            branch.value().addInPlace(x.value()),
            tape.recording() && (x.needsGrad() || branch.needsGrad()));
    if (sum.needsGrad()) {
      tape.record(() -> {
        Tensor grad = sum.takeGrad();
        // The branch reads its gradient before anything is added to that of x: both may share
        // memory.
        if (branch.needsGrad() && x.needsGrad()) {
          branch.accumulate(grad.alias());
          x.accumulate(grad);
        } else if (branch.needsGrad()) {
          branch.accumulate(grad);
        } else {
          x.accumulate(grad);
        }
      });
    }
    return sum;
  }
}
