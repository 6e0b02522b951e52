package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Every type a tensor can have in a GGUF file: its number, how many elements a block has and how
/// many bytes. Source: ggml, `include/ggml.h` and `src/ggml-common.h`.
public enum GgufTensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q8_1(9, 32, 36),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  Q8_K(15, 256, 292),
  IQ2_XXS(16, 256, 66),
  IQ2_XS(17, 256, 74),
  IQ3_XXS(18, 256, 98),
  IQ1_S(19, 256, 50),
  IQ4_NL(20, 32, 18),
  IQ3_S(21, 256, 110),
  IQ2_S(22, 256, 82),
  IQ4_XS(23, 256, 136),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  IQ1_M(29, 256, 56),
  BF16(30, 1, 2),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  MXFP4(39, 32, 17),
  NVFP4(40, 64, 36),
  Q1_0(41, 128, 18),
  Q2_0(42, 64, 18);

  private final int id;
  private final int blockSize;
  private final int blockBytes;

  GgufTensorType(int id, int blockSize, int blockBytes) {
    this.id = id;
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
  }

  /// The number of the type in a file.
  public int id() {
    return id;
  }

  /// Elements per block; rows are a multiple of it. 1 for plain numbers.
  public int blockSize() {
    return blockSize;
  }

  public int blockBytes() {
    return blockBytes;
  }

  /// Bytes of a tensor of this shape, whose rows must be whole blocks.
  ///
  /// @throws ArithmeticException if they do not fit 63 bits
  public long bytes(Shape shape) {
    return Math.multiplyExact(shape.elements() / blockSize, blockBytes);
  }

  /// Whether rows of this shape are whole blocks.
  public boolean fits(Shape shape) {
    return blockSize == 1 || (shape.rank() > 0 && shape.dim(-1) % blockSize == 0);
  }

  /// The dtype of plain numbers, or null for blocks.
  public @Nullable DType dtype() {
    return switch (this) {
      case F32 -> DType.F32;
      case F16 -> DType.F16;
      case BF16 -> DType.BF16;
      case F64 -> DType.F64;
      case I8 -> DType.I8;
      case I16 -> DType.I16;
      case I32 -> DType.I32;
      case I64 -> DType.I64;
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1 -> null;
      case Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K -> null;
      case IQ2_XXS, IQ2_XS, IQ3_XXS, IQ1_S, IQ4_NL, IQ3_S, IQ2_S, IQ4_XS, IQ1_M -> null;
      case TQ1_0, TQ2_0, MXFP4, NVFP4, Q1_0, Q2_0 -> null;
    };
  }

  /// The type that holds this dtype unchanged.
  ///
  /// @throws UserException if ggml has none
  public static GgufTensorType of(DType dtype) {
    for (GgufTensorType type : values()) {
      if (type.dtype() == dtype) {
        return type;
      }
    }
    throw new UserException(
        "GGUF has no type for " + dtype.torchName() + " tensors; cast the tensor first.");
  }

  /// @param tensor the tensor that has it, for the message
  /// @throws UserException if there is no such type
  static GgufTensorType of(int id, String tensor, String source) {
    for (GgufTensorType type : values()) {
      if (type.id == id) {
        return type;
      }
    }
    int last = Arrays.stream(values()).mapToInt(GgufTensorType::id).max().orElseThrow();
    String why =
        id >= 0 && id <= last
            ? "a type that ggml has removed; make the file again with a current llama.cpp"
            : "a type newer than this program knows; quantize to another type";
    throw new UserException(
        "Tensor '%s' in %s has ggml type %s, %s."
            .formatted(tensor, source, Integer.toUnsignedString(id), why));
  }
}
