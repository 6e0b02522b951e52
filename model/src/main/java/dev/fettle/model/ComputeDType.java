package dev.fettle.model;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Decides in which dtype a checkpoint is computed.
final class ComputeDType {
  private ComputeDType() {}

  /// What the user asked for; else the compute dtype its quantization names; else the dtype its
  /// embedding is stored in. float16 becomes bfloat16, which CPUs multiply several times faster.
  ///
  /// @throws UserException if something else than float32, bfloat16 or float16 was asked for
  static DType choose(Checkpoint checkpoint, @Nullable DType wanted) {
    DType dtype = wanted != null ? wanted : stored(checkpoint);
    return switch (dtype) {
      case F32 -> DType.F32;
      case BF16, F16 -> DType.BF16;
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new UserException(
              "Compute dtype "
                  + dtype.torchName()
                  + " is not possible; choose float32 or bfloat16.");
    };
  }

  private static DType stored(Checkpoint checkpoint) {
    ObjectNode quantization = checkpoint.quantizationConfig();
    if (quantization != null
        && quantization.path("load_in_4bit").asBoolean(false)
        && quantization.get("bnb_4bit_compute_dtype") instanceof JsonNode name) {
      return DType.parse(name.asString());
    }
    DType embedding = checkpoint.tensor(Architecture.EMBEDDING).dtype();
    return embedding.isFloat() ? embedding : DType.F32;
  }
}
