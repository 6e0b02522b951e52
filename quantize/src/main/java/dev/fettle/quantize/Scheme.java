package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.List;

/// A number format with the granularity of its scales. `toString()` and `parse` are inverse:
///
/// | text | |
/// |---|---|
/// | `int8:sym:channel` | integers of 2 to 8 bits, [Affine] |
/// | `int8:sym:channel:restricted` | the same from −127 to 127 |
/// | `uint8:asym:tensor`, `int4:asym:group=128`, `int8:sym:token`, `int8:sym:block=128x128` | |
/// | `nf4:group=64`, `nf4:group=64:double`, `fp4:group=64` | bitsandbytes' 4-bit codes |
/// | `llm.int8` | bitsandbytes' 8-bit integers with outlier columns |
/// | `fp8_e4m3:channel`, `fp8_e5m2:tensor`, `mxfp4`, `nvfp4` | small floating-point numbers |
/// | `q8_0`, `q4_0`, `q4_k`, … | ggml's blocks |
/// | `float32`, `float16`, `bfloat16` | no quantization, only rounding |
public sealed interface Scheme {
  /// Integers with a scale, and a zero point where the grid is asymmetric.
  ///
  /// @param bits 2 to 8
  record Affine(int bits, boolean signed, Symmetry symmetry, Granularity granularity)
      implements Scheme {
    public Affine {
      if (bits < 2 || bits > 8) {
        throw new UserException("Integers of " + bits + " bits are not supported; choose 2 to 8.");
      }
    }

    public AffineGrid grid() {
      return new AffineGrid(bits, signed, symmetry);
    }

    @Override
    public String toString() {
      return (signed ? "int" : "uint")
          + bits
          + ":"
          + symmetry.text()
          + ":"
          + granularity
          + (symmetry == Symmetry.RESTRICTED ? ":restricted" : "");
    }
  }

  /// Sixteen levels of bitsandbytes, scaled by the largest magnitude of each block of the flattened
  /// weight.
  sealed interface Codebook extends Scheme {
    /// The block sizes bitsandbytes has kernels for.
    List<Integer> BLOCK_SIZES = List.of(32, 64, 128, 256, 512, 1024, 2048, 4096);

    /// Weights per scale: a power of two from 32 to 4096.
    int blockSize();

    /// Whether the scales are quantized to 8 bits themselves.
    boolean doubleQuant();

    private static void checkBlockSize(String format, int blockSize) {
      if (!BLOCK_SIZES.contains(blockSize)) {
        throw new UserException(
            "%s group size %d is not supported; choose one of %s."
                .formatted(format, blockSize, BLOCK_SIZES));
      }
    }

    private static String text(String format, Codebook scheme) {
      return format + ":group=" + scheme.blockSize() + (scheme.doubleQuant() ? ":double" : "");
    }
  }

  /// 4-bit NormalFloat: levels at the quantiles of a normal distribution. Source: Dettmers et al.,
  /// QLoRA (arXiv:2305.14314), section 3.
  record Nf4(int blockSize, boolean doubleQuant) implements Codebook {
    public Nf4 {
      Codebook.checkBlockSize("NF4", blockSize);
    }

    @Override
    public String toString() {
      return Codebook.text("nf4", this);
    }
  }

  /// 4-bit floating point as bitsandbytes has it: a sign, and eight magnitudes 0, 1/192, 1/6, 1/4,
  /// 1/3, 1/2, 2/3 and 1. Source: bitsandbytes, `functional.py` (`get_4bit_type`).
  record Fp4(int blockSize, boolean doubleQuant) implements Codebook {
    public Fp4 {
      Codebook.checkBlockSize("FP4", blockSize);
    }

    @Override
    public String toString() {
      return Codebook.text("fp4", this);
    }
  }

  /// 8-bit floating-point numbers with a scale. Source: Micikevicius et al. 2022
  /// (arXiv:2209.05433).
  record Float8(Float8Format format, Granularity granularity) implements Scheme {
    @Override
    public String toString() {
      return format.text() + ":" + granularity;
    }
  }

  /// Blocks of 32 four-bit floating-point numbers (E2M1) with a power of two as scale. Source: OCP
  /// Microscaling Formats (MX) Specification v1.0, section 5.
  record Mxfp4() implements Scheme {
    public static final int BLOCK_SIZE = 32;

    @Override
    public String toString() {
      return "mxfp4";
    }
  }

  /// Blocks of 16 four-bit floating-point numbers (E2M1) with an 8-bit floating-point scale (E4M3),
  /// and one float32 scale for the tensor. Source: NVIDIA, "Introducing NVFP4", 2025.
  record Nvfp4() implements Scheme {
    public static final int BLOCK_SIZE = 16;

    @Override
    public String toString() {
      return "nvfp4";
    }
  }

  /// 8-bit integers from −127 to 127, one scale per output channel; columns with outliers in their
  /// input are computed in 16 bits. Source: Dettmers et al., LLM.int8() (arXiv:2208.07339), section
  /// 2.
  record LlmInt8() implements Scheme {
    @Override
    public String toString() {
      return "llm.int8";
    }
  }

  /// Blocks as ggml defines them.
  record Ggml(GgmlType type) implements Scheme {
    @Override
    public String toString() {
      return type.text();
    }
  }

  /// No scale: each number is rounded to another floating-point dtype.
  ///
  /// @param dtype F32, F16 or BF16
  record Cast(DType dtype) implements Scheme {
    public Cast {
      switch (dtype) {
        case F32, F16, BF16 -> {}
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw new IllegalArgumentException("cast to " + dtype);
      }
    }

    @Override
    public String toString() {
      return dtype.torchName();
    }
  }

  /// @throws UserException if the text names no scheme
  static Scheme parse(String text) {
    return SchemeParser.parse(text);
  }
}
