package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;

/// Looks token ids up: row `id` of the weight `[vocab, hidden]`.
final class Embedding {
  private final Weight weight;
  private final DType compute;

  Embedding(Weight weight, DType compute) {
    this.weight = weight;
    this.compute = compute;
  }

  Weight weight() {
    return weight;
  }

  /// @param ids I64 `[rows]`
  /// @return `[rows, hidden]` in the compute dtype
  Var apply(Tape tape, Tensor ids) {
    try (Scope scope = Scope.open()) {
      return switch (weight) {
        case Weight.Dense dense ->
            Var.constant(scope.keep(dense.value().indexSelect(0, ids).to(compute)));
        case Weight.Trained trained -> lookUpTrained(scope, tape, trained.parameter(), ids);
        case Weight.Quantized quantized ->
            throw new IllegalStateException("embeddings are not quantized: " + quantized.value());
        case Weight.IntegerProduct integers ->
            throw new IllegalStateException("embeddings are not quantized: " + integers.value());
        case Weight.FakeQuantized fake ->
            throw new IllegalStateException("embeddings are not quantized: " + fake.rounding());
      };
    }
  }

  private Var lookUpTrained(Scope scope, Tape tape, Parameter parameter, Tensor ids) {
    Tensor y = scope.keep(parameter.rows(ids, compute));
    Var output = Var.of(y, tape.recording());
    tape.record(() -> parameter.grad().indexAddInPlace(ids, output.takeGrad().to(DType.F32)));
    return output;
  }
}
