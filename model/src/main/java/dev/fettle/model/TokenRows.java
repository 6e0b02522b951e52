package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Some rows of an embedding or an output head that take the place of the frozen ones: PEFT's
/// `trainable_token_indices`.
public final class TokenRows {
  private final long[] tokens;
  private final Map<Long, Integer> places = new HashMap<>();
  private final Parameter rows;

  /// @param tokens which rows, each once
  /// @param rows `[tokens, hidden]`
  /// @throws IllegalArgumentException if a row is named twice
  public TokenRows(List<Integer> tokens, Parameter rows) {
    this.tokens = tokens.stream().mapToLong(Integer::longValue).toArray();
    this.rows = rows;
    for (int i = 0; i < this.tokens.length; i++) {
      if (places.put(this.tokens[i], i) != null) {
        throw new IllegalArgumentException("token " + this.tokens[i] + " is named twice");
      }
    }
  }

  /// Replaces the looked-up rows of these tokens, in place.
  ///
  /// @param ids I64 `[n]`
  /// @param y `[n, hidden]`
  Var embed(Tape tape, Tensor ids, Var y) {
    long[] looked = ids.toLongs();
    long[] found = new long[looked.length];
    long[] from = new long[looked.length];
    int count = 0;
    for (int i = 0; i < looked.length; i++) {
      Integer place = places.get(looked[i]);
      if (place != null) {
        found[count] = i;
        from[count++] = place;
      }
    }
    if (count == 0) {
      return y;
    }
    try (Scope scope = Scope.open()) {
      Tensor at = Tensors.ofLongs(Arrays.copyOf(found, count));
      Tensor which = Tensors.ofLongs(Arrays.copyOf(from, count));
      y.value().indexCopyInPlace(at, rows.rows(which, y.value().dtype()));
      Var output = Var.of(y.value(), tape.recording());
      if (tape.recording()) {
        scope.keep(at);
        scope.keep(which);
        tape.record(() -> {
          Tensor dy = output.takeGrad();
          Tensor mine = dy.indexSelect(0, at);
          rows.grad().indexAddInPlace(which, mine.to(DType.F32));
          if (y.needsGrad()) {
            y.accumulate(dy.indexCopyInPlace(at, mine.zeroInPlace()));
          }
        });
      }
      return output;
    }
  }

  /// Replaces the logits of these tokens, in place.
  ///
  /// @param x `[n, hidden]`
  /// @param y `[n, vocab]`
  Var logits(Tape tape, Var x, Var y) {
    try (Scope scope = Scope.open()) {
      Tensor index = Tensors.ofLongs(tokens);
      Tensor input = x.value();
      y.value().t().indexCopyInPlace(index, rows.in(input.dtype()).matmul(input.t()));
      Var output = Var.of(y.value(), tape.recording());
      if (tape.recording()) {
        scope.keep(index);
        tape.record(() -> logitsBackward(index, x, y, output.takeGrad()));
      }
      return output;
    }
  }

  private void logitsBackward(Tensor index, Var x, Var y, Tensor dy) {
    Tensor mine = dy.indexSelect(1, index);
    rows.accumulate(mine.t().matmul(x.value()));
    if (x.needsGrad()) {
      x.accumulate(mine.matmul(rows.in(mine.dtype())));
    }
    if (y.needsGrad()) {
      dy.t().indexCopyInPlace(index, Tensors.zeros(dy.dtype(), tokens.length, dy.size(0)));
      y.accumulate(dy);
    }
  }
}
