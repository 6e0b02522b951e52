package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

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
            Var.constant(scope.keep(lookUpPacked(quantized.value(), ids)));
        case Weight.IntegerProduct integers ->
            throw new IllegalStateException("embeddings are no products: " + integers.value());
        case Weight.FakeQuantized fake ->
            throw new IllegalStateException("embeddings are not trained so: " + fake.rounding());
      };
    }
  }

  /// Unpacks the rows that are asked for, and no other.
  private Tensor lookUpPacked(QuantizedTensor table, Tensor ids) {
    long[] rows = ids.toLongs();
    long rowBytes = table.shape().dim(1) * compute.bytes();
    Tensor out = Tensors.empty(compute, rows.length, table.shape().dim(1));
    MemorySegment target = out.segment();
    for (int i = 0; i < rows.length; i++) {
      Objects.checkIndex(rows[i], table.shape().dim(0));
      table.dequantizeRows(rows[i], rows[i] + 1, compute, target.asSlice(i * rowBytes, rowBytes));
    }
    return out;
  }

  private Var lookUpTrained(Scope scope, Tape tape, Parameter parameter, Tensor ids) {
    Tensor y = scope.keep(parameter.rows(ids, compute));
    Var output = Var.of(y, tape.recording());
    tape.record(() -> parameter.grad().indexAddInPlace(ids, output.takeGrad().to(DType.F32)));
    return output;
  }
}
