package dev.fettle.export;

import dev.fettle.quantize.ggml.GgufRecipe;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How a GGUF file is made.
///
/// @param recipe which type each tensor gets
/// @param importance how much an error in each input column counts, float32 `[in]` by the tensor's
///   name in GGUF, as in an imatrix file; empty without one
/// @param name what `general.name` says; null takes the name of the source
public record GgufExportOptions(
    GgufRecipe recipe, Map<String, float[]> importance, @Nullable String name) {
  public GgufExportOptions {
    importance = Map.copyOf(importance);
  }

  /// Without importance, named as the source.
  public static GgufExportOptions of(GgufRecipe recipe) {
    return new GgufExportOptions(recipe, Map.of(), null);
  }
}
