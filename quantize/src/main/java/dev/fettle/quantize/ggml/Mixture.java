package dev.fettle.quantize.ggml;

import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.tensor.Shape;

/// The types of a recipe with blocks, before it is asked whether they divide the rows.
///
/// @param base of most tensors
record Mixture(
    GgufRecipe recipe, GgufTensorType base, GgufRecipe.ModelShape model, boolean hasImatrix) {

  GgufTensorType typeOf(String name, Shape shape) {
    boolean embedding = name.equals("token_embd.weight");
    if (name.equals("output.weight") || (model.tied() && embedding)) {
      return ofOutput(shape);
    }
    if (recipe == GgufRecipe.MXFP4) {
      return embedding ? GgufTensorType.Q8_0 : base;
    }
    int layer = layer(name);
    if (name.contains("attn_v.weight") || name.contains("attn_qkv.weight")) {
      GgufTensorType type = ofValues(layer);
      boolean few = type == GgufTensorType.Q3_K || type == GgufTensorType.Q4_K;
      return few && model.is70b() ? GgufTensorType.Q5_K : type;
    }
    if (name.contains("ffn_down")) {
      return ofDown(layer);
    }
    return name.contains("attn_output.weight") ? ofAttentionOutput() : base;
  }

  /// The layer in `blk.N.…`, or 0.
  private static int layer(String name) {
    String[] parts = name.split("\\.", 3);
    boolean numbered = parts[0].equals("blk") && parts[1].matches("[0-9]{1,6}");
    return numbered ? Integer.parseInt(parts[1]) : 0;
  }

  private GgufTensorType ofOutput(Shape shape) {
    boolean eight = base == GgufTensorType.Q8_0 || recipe == GgufRecipe.MXFP4;
    return eight || !base.fits(shape) ? GgufTensorType.Q8_0 : GgufTensorType.Q6_K;
  }

  private GgufTensorType ofValues(int layer) {
    return switch (recipe) {
      case Q2_K -> model.queriesPerKey() >= 4 ? GgufTensorType.Q4_K : GgufTensorType.Q3_K;
      case Q3_K_M -> layer < 2 ? GgufTensorType.Q5_K : GgufTensorType.Q4_K;
      case Q3_K_L -> GgufTensorType.Q5_K;
      case Q4_K_S -> layer < 4 ? GgufTensorType.Q5_K : base;
      case Q4_K_M, Q5_K_M -> moreBits(layer) ? GgufTensorType.Q6_K : base;
      case IQ4_NL, IQ4_XS -> model.queriesPerKey() >= 4 ? GgufTensorType.Q5_K : base;
      case F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q3_K_S, Q5_K_S, Q6_K, MXFP4 -> base;
    };
  }

  private GgufTensorType ofDown(int layer) {
    boolean early = layer < model.layers() / 8;
    return switch (recipe) {
      case Q2_K -> GgufTensorType.Q3_K;
      case Q3_K_M -> layer < model.layers() / 16 ? GgufTensorType.Q5_K : GgufTensorType.Q4_K;
      case Q3_K_L -> GgufTensorType.Q5_K;
      case Q4_K_S -> early ? GgufTensorType.Q5_K : base;
      case Q4_K_M, Q5_K_M -> moreBits(layer) ? GgufTensorType.Q6_K : base;
      case IQ4_NL, IQ4_XS -> early && !hasImatrix ? GgufTensorType.Q5_K : base;
      case Q4_0 -> early && hasImatrix ? GgufTensorType.Q4_1 : base;
      case Q5_0 -> early && hasImatrix ? GgufTensorType.Q5_1 : base;
      case F32, F16, BF16, Q8_0, Q4_1, Q5_1, Q3_K_S, Q5_K_S, Q6_K, MXFP4 -> base;
    };
  }

  private GgufTensorType ofAttentionOutput() {
    return switch (recipe) {
      case Q2_K -> GgufTensorType.Q3_K;
      case Q3_K_M -> GgufTensorType.Q4_K;
      case Q3_K_L -> GgufTensorType.Q5_K;
      case F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q3_K_S -> base;
      case Q4_K_S, Q4_K_M, Q5_K_S, Q5_K_M, Q6_K, IQ4_NL, IQ4_XS, MXFP4 -> base;
    };
  }

  /// The first and the last eighth of the layers, and every third between.
  private boolean moreBits(int layer) {
    int eighth = model.layers() / 8;
    return layer < eighth || layer >= 7 * model.layers() / 8 || (layer - eighth) % 3 == 2;
  }
}
