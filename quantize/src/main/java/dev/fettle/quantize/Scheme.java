package dev.fettle.quantize;

import dev.fettle.tensor.UserException;
import java.util.List;

/// A number format for weights, with the granularity of its scales. `toString()` and `parse` are
/// inverse: `nf4:group=64`, `nf4:group=64:double`, `int8:sym:channel`.
public sealed interface Scheme permits Scheme.Nf4, Scheme.Int8 {
  /// 4-bit NormalFloat: sixteen levels at the quantiles of a normal distribution, scaled by the
  /// largest magnitude of each block of the flattened weight. Source: Dettmers et al., QLoRA
  /// (arXiv:2305.14314), section 3.
  ///
  /// @param blockSize weights per scale: a power of two from 32 to 4096
  /// @param doubleQuant whether the scales are quantized to 8 bits themselves
  record Nf4(int blockSize, boolean doubleQuant) implements Scheme {
    /// The block sizes bitsandbytes has kernels for.
    public static final List<Integer> BLOCK_SIZES =
        List.of(32, 64, 128, 256, 512, 1024, 2048, 4096);

    public Nf4 {
      if (!BLOCK_SIZES.contains(blockSize)) {
        throw new UserException(
            "NF4 group size "
                + blockSize
                + " is not supported; choose one of "
                + BLOCK_SIZES
                + ".");
      }
    }

    @Override
    public String toString() {
      return "nf4:group=" + blockSize + (doubleQuant ? ":double" : "");
    }
  }

  /// 8-bit integers from -127 to 127, symmetric, one scale per output channel. Source: Dettmers et
  /// al., LLM.int8() (arXiv:2208.07339), section 2.
  record Int8() implements Scheme {
    @Override
    public String toString() {
      return "int8:sym:channel";
    }
  }

  /// @throws UserException if the text names no scheme
  static Scheme parse(String text) {
    if (text.equals("int8:sym:channel")) {
      return new Int8();
    }
    String prefix = "nf4:group=";
    if (text.startsWith(prefix)) {
      boolean doubleQuant = text.endsWith(":double");
      int end = text.length() - (doubleQuant ? ":double".length() : 0);
      String digits = text.substring(prefix.length(), end);
      if (digits.matches("[0-9]{1,6}")) {
        return new Nf4(Integer.parseInt(digits), doubleQuant);
      }
    }
    throw new UserException(
        "Unknown quantization scheme '"
            + text
            + "'; known are nf4:group=64, nf4:group=64:double and int8:sym:channel.");
  }
}
