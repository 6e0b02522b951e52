package dev.fettle.export.merge;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Into what an adapter is merged.
public sealed interface MergeTarget {
  /// In a few words, for a table.
  String text();

  /// The 16-bit (or 32-bit) model that the quantized base was made from. Nothing is rounded but the
  /// sum, yet the adapter was trained beside weights that were a little different.
  ///
  /// @param folder that model
  /// @param dtype of the result; null keeps each tensor's own
  record Original(Path folder, @Nullable DType dtype) implements MergeTarget {
    @Override
    public String text() {
      return dtype == null ? "original base" : "original base, " + dtype.torchName();
    }
  }

  /// The base that the adapter was trained on, unpacked: the result computes what was trained, in
  /// 16 or 32 bits per weight.
  ///
  /// @param dtype of the result; null is what the base had before it was quantized
  record Dequantized(@Nullable DType dtype) implements MergeTarget {
    @Override
    public String text() {
      return dtype == null ? "base" : "base, " + dtype.torchName();
    }
  }

  /// The same sum, rounded to a grid again: as small as a quantized model, less exact.
  ///
  /// @param scheme null is the base's own, layer by layer
  record Requantized(@Nullable Scheme scheme) implements MergeTarget {
    @Override
    public String text() {
      return scheme == null ? "base's own grid" : "grid of " + scheme;
    }
  }
}
