package dev.fettle.quantize.explain;

import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Nf4;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/// The facts of one scheme on a matrix.
///
/// @param numbers sentence on the numbers it stores
/// @param scales sentence on the scales
/// @param codeBits bits of a stored number
/// @param totalScaleBits bits of all scales and zero points of the matrix
/// @param levels all values a code can stand for before scaling, if they are few; else none
/// @param source where the format comes from
record SchemeFacts(
    String numbers,
    String scales,
    double codeBits,
    double totalScaleBits,
    String scaleText,
    List<Level> levels,
    String levelText,
    String unit,
    String source) {
  private static final long MAX_SIDE = 1 << 20;

  /// @param code as people write it
  record Level(double value, String code) {}

  double scaleBits(long weights) {
    return totalScaleBits / weights;
  }

  static SchemeFacts of(Scheme scheme, long rows, long columns) {
    if (rows < 1 || columns < 1 || rows > MAX_SIDE || columns > MAX_SIDE) {
      throw new UserException(
          "A matrix of %d × %d cannot be explained; give rows and columns from 1 to %d."
              .formatted(rows, columns, MAX_SIDE));
    }
    return switch (scheme) {
      case Scheme.Affine affine -> affine(affine, rows, columns);
      case Scheme.Nf4 nf4 ->
          codebook(
              nf4,
              rows * columns,
              "NF4 has 16 levels where a normal distribution has equal shares, because weights are about normal; zero is one of them.",
              nf4Levels(),
              "Dettmers et al., QLoRA (arXiv:2305.14314), section 3; bytes as bitsandbytes writes them.");
      case Scheme.Fp4 fp4 ->
          codebook(
              fp4,
              rows * columns,
              "FP4 has a sign and eight magnitudes: 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3 and 1.",
              fp4Levels(),
              "bitsandbytes; bytes as it writes them.");
      case Scheme.Float8 float8 -> float8(float8, rows, columns);
      case Scheme.Mxfp4 _ -> microscaling(true, rows, columns);
      case Scheme.Nvfp4 _ -> microscaling(false, rows, columns);
      case Scheme.LlmInt8 _ ->
          new SchemeFacts(
              "8-bit integers from -127 to 127; feature columns whose input has outliers are computed in 16 bits.",
              "One scale for each row (output channel), the largest magnitude / 127; each token gets its own scale when it comes.",
              8,
              32.0 * rows,
              "a float32 for each of the %s rows".formatted(SchemeExplanation.number(rows)),
              List.of(),
              "",
              "",
              "Dettmers et al., LLM.int8() (arXiv:2208.07339), section 2; bytes as bitsandbytes writes them.");
      case Scheme.Ggml ggml -> ggml(ggml, rows, columns);
      case Scheme.Cast cast ->
          new SchemeFacts(
              "%s: every number is rounded to the nearest one of that format."
                  .formatted(cast.dtype().torchName()),
              "There are no scales.",
              8.0 * cast.dtype().bytes(),
              0,
              "none",
              List.of(),
              "",
              "",
              "See fettle explain number for the bits.");
    };
  }

  private static SchemeFacts affine(Scheme.Affine scheme, long rows, long columns) {
    long scales = scales(scheme.granularity(), rows, columns);
    boolean asymmetric = !scheme.symmetry().symmetric();
    double zeroPointBits = asymmetric ? scheme.bits() : 0;
    return new SchemeFacts(
        "%s integers of %d bits, from %d to %d: %d levels at equal distances."
            .formatted(
                scheme.signed() ? "Signed" : "Unsigned",
                scheme.bits(),
                scheme.grid().qMin(),
                scheme.grid().qMax(),
                scheme.grid().qMax() - scheme.grid().qMin() + 1),
        sharing(scheme.granularity())
            + (asymmetric
                ? " Asymmetric: the range of the numbers is laid over all integers, and a zero point says which of them is zero."
                : switch (scheme.symmetry()) {
                  case RESTRICTED ->
                      " Symmetric and restricted: the lowest integer is left out, so the grid is its own mirror image.";
                  case SYMMETRIC, ASYMMETRIC -> " Symmetric: zero lies in the middle.";
                }),
        scheme.bits(),
        scales * (16 + zeroPointBits),
        "%s × (16%s)"
            .formatted(
                SchemeExplanation.number(scales),
                asymmetric ? " + " + scheme.bits() + " for the zero point" : ""),
        affineLevels(scheme),
        "Levels in units of the scale",
        "x / scale",
        "Jacob et al. 2018 (arXiv:1712.05877), section 2.1; bytes as compressed-tensors writes them.");
  }

  private static List<Level> affineLevels(Scheme.Affine scheme) {
    List<Level> levels = new ArrayList<>();
    int zero = scheme.signed() || !scheme.symmetry().symmetric() ? 0 : 1 << (scheme.bits() - 1);
    for (int q = scheme.grid().qMin(); q <= scheme.grid().qMax(); q++) {
      levels.add(new Level(q - zero, Integer.toString(q)));
    }
    return levels;
  }

  private static SchemeFacts codebook(
      Scheme.Codebook scheme, long weights, String numbers, List<Level> levels, String source) {
    long blocks = (weights + scheme.blockSize() - 1) / scheme.blockSize();
    long nested = (blocks + 255) / 256;
    return new SchemeFacts(
        numbers,
        "Each %d consecutive numbers share a scale, their largest magnitude.%s"
            .formatted(
                scheme.blockSize(),
                scheme.doubleQuant()
                    ? " Double quantization: the scales are stored in 8 bits themselves, with a float32 for each 256."
                    : ""),
        4,
        scheme.doubleQuant() ? 8.0 * blocks + 32.0 * nested : 32.0 * blocks,
        scheme.doubleQuant()
            ? "%s × 8 + %s × 32"
                .formatted(SchemeExplanation.number(blocks), SchemeExplanation.number(nested))
            : "%s × 32".formatted(SchemeExplanation.number(blocks)),
        levels,
        "Levels in units of the block's largest magnitude",
        "x / absmax",
        source);
  }

  private static List<Level> nf4Levels() {
    List<Level> levels = new ArrayList<>();
    float[] code = Nf4.code();
    for (int i = 0; i < code.length; i++) {
      levels.add(new Level(code[i], Integer.toString(i)));
    }
    return levels;
  }

  /// The magnitudes in the order of bitsandbytes' codes.
  private static List<Level> fp4Levels() {
    double[] magnitudes = {0, 1 / 192.0, 2 / 3.0, 1, 1 / 3.0, 1 / 2.0, 1 / 6.0, 1 / 4.0};
    List<Level> levels = new ArrayList<>();
    for (int code = 0; code < 16; code++) {
      double value = code < 8 ? magnitudes[code] : -magnitudes[code - 8];
      if (code != 8) { // minus zero, the same place
        levels.add(new Level(value, Integer.toString(code)));
      }
    }
    return levels;
  }

  private static List<Level> e2m1Levels() {
    List<Level> levels = new ArrayList<>();
    for (int code = 0; code < 16; code++) {
      if (code != 8 && FloatFormat.FP4_E2M1.decode(code) instanceof Real.Finite finite) {
        levels.add(new Level(finite.value().doubleValue(), Integer.toString(code)));
      }
    }
    return levels;
  }

  private static SchemeFacts float8(Scheme.Float8 scheme, long rows, long columns) {
    FloatFormat format = FloatFormat.find(scheme.format().text()).orElseThrow();
    long scales = scales(scheme.granularity(), rows, columns);
    return new SchemeFacts(
        "8-bit floating point: %d exponent and %d mantissa bits, largest number %s, so small weights keep their relative precision."
            .formatted(format.exponentBits(), format.mantissaBits(), Exact.plain(format.largest())),
        sharing(scheme.granularity())
            + " The scale brings the largest magnitude to %s."
                .formatted(Exact.plain(format.largest())),
        8,
        16.0 * scales,
        SchemeExplanation.number(scales) + " × 16",
        List.of(),
        "",
        "",
        "Micikevicius et al. 2022 (arXiv:2209.05433); bytes as compressed-tensors writes them.");
  }

  private static SchemeFacts microscaling(boolean mx, long rows, long columns) {
    int size = mx ? Scheme.Mxfp4.BLOCK_SIZE : Scheme.Nvfp4.BLOCK_SIZE;
    long blocks = rows * ((columns + size - 1) / size);
    return new SchemeFacts(
        "4-bit floating point (E2M1): a sign and the magnitudes 0, 0.5, 1, 1.5, 2, 3, 4 and 6.",
        mx
            ? "Each 32 numbers of a row share a scale that is a power of two (8 exponent bits)."
            : "Each 16 numbers of a row share an 8-bit floating-point scale (E4M3), and the tensor has one float32 scale on top.",
        4,
        8.0 * blocks + (mx ? 0 : 32),
        SchemeExplanation.number(blocks) + " × 8" + (mx ? "" : " + 32"),
        e2m1Levels(),
        "Levels in units of the scale",
        "x / scale",
        mx
            ? "OCP Microscaling Formats (MX) Specification v1.0; bytes as compressed-tensors writes them."
            : "NVIDIA, Introducing NVFP4, 2025; bytes as compressed-tensors writes them.");
  }

  private static SchemeFacts ggml(Scheme.Ggml scheme, long rows, long columns) {
    int block = scheme.type().blockSize();
    if (columns % block != 0) {
      throw new UserException(
          "%s has blocks of %d; rows of %d numbers are no multiple of it."
              .formatted(scheme, block, columns));
    }
    int codeBits = scheme.type().codeBits();
    double perBlock = 8.0 * scheme.type().blockBytes() - (double) codeBits * block;
    return new SchemeFacts(
        "ggml's %s: blocks of %d numbers of %d bits in %d bytes."
            .formatted(scheme, block, codeBits, scheme.type().blockBytes()),
        "The scales of a block lie inside of it.",
        codeBits,
        perBlock * rows * columns / block,
        "%s for each block of %d".formatted(Exact.shortened(new BigDecimal(perBlock), 6), block),
        List.of(),
        "",
        "",
        "ggml; bytes as llama.cpp reads them.");
  }

  private static long scales(Granularity granularity, long rows, long columns) {
    return granularity.scaleShape(Shape.of(rows, columns)).elements();
  }

  private static String sharing(Granularity granularity) {
    return switch (granularity) {
      case Granularity.PerTensor _ -> "One scale for the whole matrix.";
      case Granularity.PerChannel channel ->
          channel.axis() == 0
              ? "One scale for each row (output channel)."
              : "One scale for each column (input channel).";
      case Granularity.PerToken _ ->
          "One scale for each token, found when it comes: for activations.";
      case Granularity.PerGroup group ->
          "One scale for each %d consecutive numbers of a row.".formatted(group.size());
      case Granularity.PerBlock block ->
          "One scale for each block of %d rows and %d columns."
              .formatted(block.rows(), block.columns());
    };
  }
}
