package dev.fettle.quantize.ggml;

import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.quantize.NearestName;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.Locale;

/// Which type each tensor of a GGUF file gets: llama.cpp's file types. A recipe has one type for
/// most tensors, and gives more bits to those that suffer most, by their role, their layer and the
/// model's shape. Types are those that llama.cpp's `llama_model_quantize` chooses for dense models;
/// source: llama.cpp, `src/llama-quant.cpp`.
///
/// [#MXFP4] is the exception: llama.cpp keeps it for the experts of mixtures and would make all
/// other tensors Q8_0; here it is the type of every linear layer.
public enum GgufRecipe {
  F32(0, GgufTensorType.F32),
  F16(1, GgufTensorType.F16),
  BF16(32, GgufTensorType.BF16),
  Q8_0(7, GgufTensorType.Q8_0),
  Q4_0(2, GgufTensorType.Q4_0),
  Q4_1(3, GgufTensorType.Q4_1),
  Q5_0(8, GgufTensorType.Q5_0),
  Q5_1(9, GgufTensorType.Q5_1),
  Q2_K(10, GgufTensorType.Q2_K),
  Q3_K_S(11, GgufTensorType.Q3_K),
  Q3_K_M(12, GgufTensorType.Q3_K),
  Q3_K_L(13, GgufTensorType.Q3_K),
  Q4_K_S(14, GgufTensorType.Q4_K),
  Q4_K_M(15, GgufTensorType.Q4_K),
  Q5_K_S(16, GgufTensorType.Q5_K),
  Q5_K_M(17, GgufTensorType.Q5_K),
  Q6_K(18, GgufTensorType.Q6_K),
  IQ4_NL(25, GgufTensorType.IQ4_NL),
  IQ4_XS(30, GgufTensorType.IQ4_XS),
  MXFP4(38, GgufTensorType.MXFP4);

  /// What of a model its tensors' types depend on.
  ///
  /// @param architecture `general.architecture`, such as `llama`
  /// @param heads of queries
  /// @param kvHeads of keys and values
  /// @param tied whether the embedding is the output layer as well, so that there is no
  ///   `output.weight`
  public record ModelShape(String architecture, int layers, int heads, int kvHeads, boolean tied) {
    int queriesPerKey() {
      return heads / Math.max(1, kvHeads);
    }

    /// The models of 70 billion parameters, whose values are shared by eight heads.
    boolean is70b() {
      return layers == 80
          && switch (architecture) {
            case "llama" -> heads != kvHeads;
            case "qwen2" -> true;
            default -> false;
          };
    }
  }

  private final int fileType;
  private final GgufTensorType base;

  GgufRecipe(int fileType, GgufTensorType base) {
    this.fileType = fileType;
    this.base = base;
  }

  /// The value of `general.file_type`.
  public int fileType() {
    return fileType;
  }

  /// As it is parsed and printed, such as `q4_k_m`.
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// @param text a name in capitals or not; `q3_k`, `q4_k` and `q5_k` are the medium ones, as in
  ///   llama.cpp
  /// @throws UserException if there is no such recipe
  public static GgufRecipe parse(String text) {
    String name = text.strip().toUpperCase(Locale.ROOT);
    for (GgufRecipe recipe : values()) {
      if (recipe.name().equals(name) || recipe.name().equals(name + "_M")) {
        return recipe;
      }
    }
    var names = Arrays.stream(values()).map(GgufRecipe::text).toList();
    throw new UserException(
        "There is no GGUF recipe '%s'; did you mean %s? There are %s."
            .formatted(
                text,
                NearestName.nearest(name.toLowerCase(Locale.ROOT), names).orElseThrow(),
                String.join(", ", names)));
  }

  /// The type of one tensor. Where its blocks do not divide the rows, llama.cpp's fallback; and F16
  /// where that does not either, or there is none.
  ///
  /// @param name of the tensor in the file, such as `blk.3.attn_v.weight`
  /// @param shape outermost dimension first
  /// @param hasImatrix whether weights are quantized by an importance; some layers need fewer or
  ///   more bits then
  public GgufTensorType typeOf(String name, Shape shape, ModelShape model, boolean hasImatrix) {
    if (!isQuantized(name, shape)) {
      return GgufTensorType.F32;
    }
    if (base.dtype() != null) {
      return base;
    }
    return fitting(new Mixture(this, base, model, hasImatrix).typeOf(name, shape), shape);
  }

  /// Vectors, norms and routers stay F32.
  private static boolean isQuantized(String name, Shape shape) {
    long rows = 1;
    for (int axis = 0; axis + 1 < shape.rank(); axis++) {
      rows *= shape.dim(axis);
    }
    return rows > 1
        && name.endsWith("weight")
        && !name.contains("_norm.weight")
        && !name.contains("ffn_gate_inp.weight")
        && !name.equals("position_embd.weight")
        && !name.equals("token_types.weight");
  }

  private static GgufTensorType fitting(GgufTensorType type, Shape shape) {
    if (type.fits(shape)) {
      return type;
    }
    GgufTensorType smaller =
        switch (type) {
          case Q2_K, Q3_K -> GgufTensorType.Q4_0;
          case Q4_K -> GgufTensorType.Q5_0;
          case Q5_K -> GgufTensorType.Q5_1;
          case Q6_K -> GgufTensorType.Q8_0;
          case IQ4_XS -> GgufTensorType.IQ4_NL;
          case F32, F16, BF16, F64, I8, I16, I32, I64 -> GgufTensorType.F16;
          case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1, Q8_K, IQ4_NL, MXFP4 -> GgufTensorType.F16;
          case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S -> GgufTensorType.F16;
          case TQ1_0, TQ2_0, NVFP4, Q1_0, Q2_0 -> GgufTensorType.F16;
        };
    return smaller.fits(shape) ? smaller : GgufTensorType.F16;
  }
}
