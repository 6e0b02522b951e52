package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.PackedForm;
import dev.fettle.quantize.Reencoding;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.quantize.ggml.GgufRecipe;
import dev.fettle.quantize.ggml.Imatrix;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Decides what a GGUF file is made of: the recipe that was named, or the one that keeps what is
/// there.
final class GgufTarget {
  private GgufTarget() {}

  /// @throws UserException if nobody named a recipe and none keeps the weights as they are
  static GgufExportOptions of(UnpackedCheckpoint source, ConversionOptions options) {
    QuantizedInputs.of(source).check(options);
    Path imatrix = options.imatrix();
    return new GgufExportOptions(
        recipe(source, options), imatrix == null ? null : Imatrix.load(imatrix), null);
  }

  private static GgufRecipe recipe(UnpackedCheckpoint source, ConversionOptions options) {
    String named = options.outtype();
    if (named != null) {
      return GgufRecipe.parse(named);
    }
    Path like = options.like();
    if (like == null) {
      return keeping(source);
    }
    try (UnpackedCheckpoint model = UnpackedCheckpoint.open(like)) {
      return keeping(model);
    }
  }

  private static GgufRecipe keeping(UnpackedCheckpoint model) {
    Checkpoint stored = model.stored();
    return switch (stored) {
      case GgufCheckpoint gguf -> ofFileType(gguf);
      case CheckpointFolder folder -> ofLayers(model);
    };
  }

  private static GgufRecipe ofFileType(GgufCheckpoint gguf) {
    Integer fileType = gguf.metadata().whole("general.file_type");
    return Arrays.stream(GgufRecipe.values())
        .filter(recipe -> fileType != null && recipe.fileType() == fileType)
        .findFirst()
        .orElseThrow(() ->
            new UserException(
                "GGUF file %s does not say in general.file_type which types it is made of; name them with --outtype, such as q4_k_m."
                    .formatted(gguf.path())));
  }

  private static GgufRecipe ofLayers(UnpackedCheckpoint model) {
    LinearModule first = Architecture.of(model.stored().config()).linears().getFirst();
    PackedForm packed = model.form(first.weightName());
    GgufRecipe recipe =
        packed == null ? plain(model.info(first.weightName()).dtype()) : blocks(packed.scheme());
    if (recipe == null) {
      throw new UserException(
          "%s in %s is %s, which no GGUF type holds as it is; say what the file is made of with --outtype, such as q4_k_m."
              .formatted(
                  first.weightName(),
                  model.path(),
                  packed == null ? "of another dtype" : packed.scheme()));
    }
    return recipe;
  }

  private static @Nullable GgufRecipe plain(DType dtype) {
    return switch (dtype) {
      case F32 -> GgufRecipe.F32;
      case F16 -> GgufRecipe.F16;
      case BF16 -> GgufRecipe.BF16;
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL -> null;
    };
  }

  /// The recipe whose blocks hold these integers.
  private static @Nullable GgufRecipe blocks(Scheme scheme) {
    if (scheme instanceof Scheme.Mxfp4) {
      return GgufRecipe.MXFP4;
    }
    for (GgufRecipe recipe : new GgufRecipe[] {GgufRecipe.Q4_0, GgufRecipe.Q5_0, GgufRecipe.Q8_0}) {
      Scheme.Affine held = Reencoding.integers(new Scheme.Ggml(GgmlType.valueOf(recipe.name())));
      Scheme.Affine there = Reencoding.integers(scheme);
      if (held != null
          && there != null
          && held.bits() == there.bits()
          && held.signed() == there.signed()
          && held.symmetry() == there.symmetry()) {
        return recipe;
      }
    }
    return null;
  }
}
