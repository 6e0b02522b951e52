package dev.fettle.plan;

import dev.fettle.lora.LoraConfig;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// What is to be done with a model.
public sealed interface Work {

  /// What an optimizer keeps of each trained parameter.
  enum Moments {
    /// AdamW's two, float32.
    FLOAT32,
    /// The same in 8 bits with a float32 scale per 256; Dettmers et al. 2021, arXiv:2110.02861.
    EIGHT_BIT
  }

  /// @param compute float32 or bfloat16; null takes the model's own
  /// @param base what the linear layers are quantized to while loading, or null
  /// @param adapter null where every weight is trained
  /// @param rounding what the linear layers are rounded to while they are trained, or null
  /// @param batchSize sequences of one pass
  /// @param seqLength tokens of the longest sequence
  /// @param gradientCheckpointing null chooses it if the memory asks for it
  /// @param accumulation passes per optimizer step
  /// @param steps optimizer steps, for the time; 0 if not known
  /// @param textBytes size of the training file, or 0 if not known
  record Training(
      @Nullable DType compute,
      @Nullable Scheme base,
      @Nullable LoraConfig adapter,
      @Nullable Scheme rounding,
      Moments moments,
      int batchSize,
      int seqLength,
      @Nullable Boolean gradientCheckpointing,
      int accumulation,
      long steps,
      long textBytes)
      implements Work {
    public Training withBatch(int size, int passes) {
      return new Training(
          compute,
          base,
          adapter,
          rounding,
          moments,
          size,
          seqLength,
          gradientCheckpointing,
          passes,
          steps,
          textBytes);
    }

    public Training withSeqLength(int length) {
      return new Training(
          compute,
          base,
          adapter,
          rounding,
          moments,
          batchSize,
          length,
          gradientCheckpointing,
          accumulation,
          steps,
          textBytes);
    }

    public Training withGradientCheckpointing(@Nullable Boolean on) {
      return new Training(
          compute,
          base,
          adapter,
          rounding,
          moments,
          batchSize,
          seqLength,
          on,
          accumulation,
          steps,
          textBytes);
    }

    public Training withMoments(Moments other) {
      return new Training(
          compute,
          base,
          adapter,
          rounding,
          other,
          batchSize,
          seqLength,
          gradientCheckpointing,
          accumulation,
          steps,
          textBytes);
    }

    public Training withCompute(@Nullable DType other) {
      return new Training(
          other,
          base,
          adapter,
          rounding,
          moments,
          batchSize,
          seqLength,
          gradientCheckpointing,
          accumulation,
          steps,
          textBytes);
    }

    public Training withAdapter(@Nullable LoraConfig config, @Nullable Scheme newBase) {
      return new Training(
          compute,
          newBase,
          config,
          null,
          moments,
          batchSize,
          seqLength,
          gradientCheckpointing,
          accumulation,
          steps,
          textBytes);
    }

    /// Tokens of one pass.
    long tokens() {
      return (long) batchSize * seqLength;
    }
  }

  /// @param base what the linear layers are quantized to while loading, or null
  /// @param promptTokens read at once
  /// @param newTokens written one by one
  /// @param cache whether keys and values are kept
  record Generation(
      @Nullable DType compute,
      @Nullable Scheme base,
      @Nullable LoraConfig adapter,
      int promptTokens,
      int newTokens,
      boolean cache)
      implements Work {}

  /// @param seqLength tokens of a window
  /// @param tokens of the text, for the time; 0 if not known
  /// @param textBytes size of the text, or 0 if not known
  /// @param besideBytes what another model takes that is in memory at the same time; 0 if none is
  record Evaluation(
      @Nullable DType compute, int seqLength, long tokens, long textBytes, long besideBytes)
      implements Work {}

  /// Statistics of activations on a text.
  record Calibration(@Nullable DType compute, int batchSize, int seqLength, long tokens)
      implements Work {}

  /// Quantization that looks at a text, block by block: gptq, awq, smoothquant, adaround.
  ///
  /// @param algorithm its name
  record Blockwise(
      String algorithm, @Nullable DType compute, Scheme scheme, int seqLength, long samples)
      implements Work {}

  /// Every tensor once, from files to files: quantize by rounding, merge, export, convert.
  ///
  /// @param scheme what linear layers become, or null if they stay plain numbers
  /// @param dtype of plain tensors in the result; null keeps theirs
  /// @param adapter whether an adapter is added on the way
  record Rewriting(@Nullable Scheme scheme, @Nullable DType dtype, boolean adapter)
      implements Work {}
}
