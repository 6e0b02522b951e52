package dev.fettle.tensor;

/// The element types of a checkpoint. The names are those of safetensors.
public enum DType {
  F64(8, "float64"),
  F32(4, "float32"),
  F16(2, "float16"),
  BF16(2, "bfloat16"),
  F8_E4M3(1, "float8_e4m3fn"),
  F8_E5M2(1, "float8_e5m2"),
  I64(8, "int64"),
  I32(4, "int32"),
  I16(2, "int16"),
  I8(1, "int8"),
  U8(1, "uint8"),
  U16(2, "uint16"),
  U32(4, "uint32"),
  U64(8, "uint64"),
  /// Powers of two, the scales of microscaling formats; not converted to numbers by themselves.
  F8_E8M0(1, "float8_e8m0fnu"),
  C64(8, "complex64"),
  BOOL(1, "bool");

  private final int bytes;
  private final String torchName;

  DType(int bytes, String torchName) {
    this.bytes = bytes;
    this.torchName = torchName;
  }

  /// Size of one element in bytes.
  public int bytes() {
    return bytes;
  }

  /// The name PyTorch and Hugging Face configurations use, such as `bfloat16`.
  public String torchName() {
    return torchName;
  }

  /// Whether it holds real numbers that weights are made of.
  public boolean isFloat() {
    return switch (this) {
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
      case I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL -> false;
    };
  }

  /// The dtype with this safetensors name (`BF16`) or PyTorch name (`bfloat16`, `torch.bfloat16`).
  ///
  /// @throws UserException if there is none
  public static DType parse(String name) {
    return find(name, "");
  }

  /// As `parse(name)`, with the file or tensor that names the dtype in the message.
  ///
  /// @throws UserException if there is none
  public static DType parse(String name, String source) {
    return find(name, " in " + source);
  }

  private static DType find(String name, String where) {
    String bare = name.startsWith("torch.") ? name.substring("torch.".length()) : name;
    for (DType dtype : values()) {
      if (dtype.name().equals(bare) || dtype.torchName.equals(bare)) {
        return dtype;
      }
    }
    throw new UserException(
        "Unknown dtype '"
            + name
            + "'"
            + where
            + "; known are float32, float16, bfloat16 and the safetensors names.");
  }
}
