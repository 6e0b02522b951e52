package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import java.util.ArrayList;
import java.util.List;

/// Several projections of one input: queries, keys and values, or gate and up.
sealed interface Projections {
  /// One layer for each.
  record Separate(List<Linear> layers) implements Projections {}

  /// One layer for all, whose output is cut up, as in phi3.
  ///
  /// @param widths output features of each part, in the order of the layer's rows
  record Fused(Linear layer, List<Integer> widths) implements Projections {}

  /// @param x `[rows, in]`
  /// @return one `[rows, out]` for each
  default List<Var> apply(Pass pass, Var x) {
    return switch (this) {
      case Separate separate -> {
        List<Var> outputs = new ArrayList<>();
        for (Linear layer : separate.layers()) {
          outputs.add(layer.apply(pass, x));
        }
        yield outputs;
      }
      case Fused fused -> split(pass, fused.layer().apply(pass, x), fused.widths());
    };
  }

  /// Copies the parts out, as the steps that follow write over them, and frees the whole, whose
  /// value no gradient needs.
  private static List<Var> split(Pass pass, Var whole, List<Integer> widths) {
    List<Var> parts = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      long from = 0;
      for (int width : widths) {
        Tensor part = whole.value().narrow(1, from, width).contiguous();
        parts.add(Var.of(scope.keep(part), whole.needsGrad()));
        from += width;
      }
    }
    Tensor value = whole.value();
    long rows = value.size(0);
    long columns = value.size(1);
    var dtype = value.dtype();
    value.close();
    if (whole.needsGrad()) {
      pass.tape()
          .record(() -> {
            Tensor grad = Tensors.empty(dtype, rows, columns);
            long from = 0;
            for (int i = 0; i < parts.size(); i++) {
              int width = widths.get(i);
              grad.narrow(1, from, width).copyInPlace(parts.get(i).takeGrad());
              from += width;
            }
            whole.accumulate(grad);
          });
    }
    return parts;
  }
}
