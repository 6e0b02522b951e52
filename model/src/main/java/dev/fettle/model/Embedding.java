package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Looks token ids up: row `id` of the weight `[vocab, hidden]` times a constant, with an optional
/// low-rank update (see {@link EmbeddingLora}) or some rows that take the place of others. As in
/// PEFT the constant multiplies these too.
public final class Embedding {
  private Weight weight;
  private final DType compute;
  private final double scale;
  private @Nullable LoraPair lora;
  private @Nullable TokenRows tokens;

  /// @param scale factor of every embedding
  Embedding(Weight weight, DType compute, double scale) {
    this.weight = weight;
    this.compute = compute;
    this.scale = scale;
  }

  public Weight weight() {
    return weight;
  }

  /// Puts another weight of the same shape in place; whoever does it owns its memory.
  void weight(Weight replacement) {
    weight = replacement;
  }

  /// Attaches a low-rank update, or takes it away. Its dropout has no meaning for token ids; PEFT
  /// ignores it too.
  public void lora(@Nullable LoraPair pair) {
    lora = pair;
  }

  /// The norm over the vocabulary of each hidden feature of the adapted weight, `[hidden]` float32:
  /// where DoRA's magnitude starts.
  public Tensor adaptedNorms(Tensor a, Tensor b, double scale) {
    try (Scope scope = Scope.open()) {
      return scope.keep(Magnitude.rowNorms(frozen().t(), a, b, scale));
    }
  }

  /// Replaces rows, or puts the frozen ones back.
  public void tokens(@Nullable TokenRows rows) {
    tokens = rows;
  }

  /// Token ids one after another, I64 `[batch · length]`.
  ///
  /// @param ids equally long rows
  /// @throws UserException if an id is outside the vocabulary
  Tensor rows(int[][] ids) {
    long vocabulary = weight.out();
    for (int[] row : ids) {
      for (int id : row) {
        if (id < 0 || id >= vocabulary) {
          throw new UserException(
              "Token %d is outside the model's vocabulary of %d; the tokenizer belongs to another model ('fettle doctor' shows where they differ)."
                  .formatted(id, vocabulary));
        }
      }
    }
    return Tensors.ofIds(ids).view(-1);
  }

  /// @param ids I64 `[rows]`
  /// @return `[rows, hidden]` in the compute dtype
  Var apply(Tape tape, Tensor ids) {
    Var y = lookUp(tape, ids);
    if (lora != null) {
      y = EmbeddingLora.apply(tape, this::frozen, ids, lora, y);
    }
    return scaled(tape, tokens == null ? y : tokens.embed(tape, ids, y));
  }

  /// In the memory of `y`, whose own value no gradient needs.
  private Var scaled(Tape tape, Var y) {
    if (scale == 1) {
      return y;
    }
    Var output = Var.of(y.value().mulInPlace(scale), y.needsGrad());
    if (output.needsGrad()) {
      tape.record(() -> y.accumulate(output.takeGrad().mulInPlace(scale)));
    }
    return output;
  }

  private Var lookUp(Tape tape, Tensor ids) {
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

  /// `[vocab, hidden]`, unpacked.
  private Tensor frozen() {
    return switch (weight) {
      case Weight.Dense dense -> dense.value();
      case Weight.Quantized quantized -> {
        Tensor table = Tensors.empty(compute, weight.out(), weight.in());
        quantized.value().dequantize(compute, table.segment());
        yield table;
      }
      case Weight.Trained trained -> throw notFrozen();
      case Weight.IntegerProduct integers -> throw notFrozen();
      case Weight.FakeQuantized fake -> throw notFrozen();
    };
  }

  private IllegalStateException notFrozen() {
    return new IllegalStateException("an adapted embedding is frozen, not " + weight);
  }
}
