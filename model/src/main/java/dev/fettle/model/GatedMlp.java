package dev.fettle.model;

import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;

/// The feed-forward part: `down(silu(gate(x)) · up(x))`.
final class GatedMlp {
  private final Linear gateProjection;
  private final Linear upProjection;
  private final Linear downProjection;
  private final FusedSteps steps = FusedSteps.best();

  GatedMlp(Linear gate, Linear up, Linear down) {
    this.gateProjection = gate;
    this.upProjection = up;
    this.downProjection = down;
  }

  Var apply(Pass pass, Var x) {
    Var gate = gateProjection.apply(pass, x);
    Var up = upProjection.apply(pass, x);
    return downProjection.apply(pass, activate(pass, gate, up));
  }

  private Var activate(Pass pass, Var gate, Var up) {
    try (Scope scope = Scope.open()) {
      Tensor y = scope.keep(steps.swiGlu(gate.value(), up.value()));
      boolean needsGrad = pass.tape().recording() && (gate.needsGrad() || up.needsGrad());
      Var output = Var.of(y, needsGrad);
      if (needsGrad) {
        pass.tape()
            .record(() -> {
              // the activations are not needed any more, so the gradients take their memory
              steps.swiGluBackwardInPlace(output.takeGrad(), gate.value(), up.value());
              passOn(gate);
              passOn(up);
            });
      } else {
        gate.value().close();
        up.value().close();
      }
      return output;
    }
  }

  private static void passOn(Var var) {
    if (var.needsGrad()) {
      var.accumulate(var.value());
    }
  }
}
