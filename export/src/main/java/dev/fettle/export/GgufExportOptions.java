package dev.fettle.export;

import dev.fettle.quantize.ggml.GgufRecipe;
import dev.fettle.quantize.ggml.Imatrix;
import org.jspecify.annotations.Nullable;

/// How a GGUF file is made.
///
/// @param recipe which type each tensor gets
/// @param imatrix how much an error in each input column counts; null for none
/// @param name what `general.name` says; null takes the name of the source
public record GgufExportOptions(
    GgufRecipe recipe, @Nullable Imatrix imatrix, @Nullable String name) {
  /// Without importance, named as the source.
  public static GgufExportOptions of(GgufRecipe recipe) {
    return new GgufExportOptions(recipe, null, null);
  }
}
