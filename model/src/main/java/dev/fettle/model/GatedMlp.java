package dev.fettle.model;

import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Gate;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import java.util.List;

/// The feed-forward part: `down(act(gate(x)) · up(x))`.
final class GatedMlp {
  private final Projections gateAndUp;
  private final Linear downProjection;
  private final Gate kind;
  private final FusedSteps steps = FusedSteps.best();

  /// @param gateAndUp gives the gate and what it multiplies
  GatedMlp(Projections gateAndUp, Linear down, Gate kind) {
    this.gateAndUp = gateAndUp;
    this.downProjection = down;
    this.kind = kind;
  }

  Var apply(Pass pass, Var x) {
    List<Var> both = gateAndUp.apply(pass, x);
    return downProjection.apply(pass, activate(pass, both.get(0), both.get(1)));
  }

  private Var activate(Pass pass, Var gate, Var up) {
    try (Scope scope = Scope.open()) {
      Tensor y = scope.keep(steps.gated(kind, gate.value(), up.value()));
      boolean needsGrad = pass.tape().recording() && (gate.needsGrad() || up.needsGrad());
      Var output = Var.of(y, needsGrad);
      if (needsGrad) {
        pass.tape()
            .record(() -> {
              // the activations are not needed any more, so the gradients take their memory
              steps.gatedBackwardInPlace(kind, output.takeGrad(), gate.value(), up.value());
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
