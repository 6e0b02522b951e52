package dev.fettle.export;

import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Reencoding;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import org.jspecify.annotations.Nullable;

/// The scheme of a target format that holds a weight as it is packed already, so that converting it
/// rounds nothing.
final class SameIntegers {
  private SameIntegers() {}

  /// @param source scheme of the weight before
  /// @return null if the format has none
  static @Nullable Scheme scheme(Scheme source, ExportFormat format) {
    Scheme.Affine integers = Reencoding.integers(source);
    return switch (format) {
      case BITSANDBYTES ->
          switch (source) {
            case Scheme.Nf4 nf4 -> nf4;
            case Scheme.Fp4 fp4 -> fp4;
            case Scheme.LlmInt8 int8 -> int8;
            case Scheme.Affine affine -> null;
            case Scheme.Float8 float8 -> null;
            case Scheme.Mxfp4 mxfp4 -> null;
            case Scheme.Nvfp4 nvfp4 -> null;
            case Scheme.Ggml ggml -> null;
            case Scheme.Cast cast -> null;
          };
      case COMPRESSED_TENSORS -> integers != null ? integers : smallFloat(source);
      case GPTQ -> integers == null ? null : signed(integers, Symmetry.SYMMETRIC);
      case GPTQ_V2 -> integers == null ? null : signed(integers, integers.symmetry());
      case AWQ ->
          integers == null || integers.bits() != 4 ? null : signed(integers, Symmetry.ASYMMETRIC);
      case SAFETENSORS, GGUF, PEFT, GGUF_LORA -> null;
    };
  }

  private static @Nullable Scheme smallFloat(Scheme source) {
    if (source instanceof Scheme.Ggml ggml && ggml.type() == GgmlType.MXFP4) {
      return new Scheme.Mxfp4();
    }
    return source instanceof Scheme.Float8
            || source instanceof Scheme.Mxfp4
            || source instanceof Scheme.Nvfp4
        ? source
        : null;
  }

  /// Null where the integers have zero points and the target has no place for them, or where scales
  /// are neither per channel nor per group.
  private static Scheme.@Nullable Affine signed(Scheme.Affine integers, Symmetry wanted) {
    boolean zeroPoints = !integers.signed() || integers.symmetry() == Symmetry.ASYMMETRIC;
    Symmetry symmetry = zeroPoints ? Symmetry.ASYMMETRIC : wanted;
    if (zeroPoints && wanted == Symmetry.SYMMETRIC) {
      return null;
    }
    return switch (integers.granularity()) {
      case Granularity.PerGroup group ->
          new Scheme.Affine(
              integers.bits(),
              true,
              symmetry == Symmetry.RESTRICTED ? Symmetry.SYMMETRIC : symmetry,
              group);
      case Granularity.PerChannel channel ->
          channel.axis() == 0
              ? new Scheme.Affine(
                  integers.bits(),
                  true,
                  symmetry == Symmetry.RESTRICTED ? Symmetry.SYMMETRIC : symmetry,
                  channel)
              : null;
      case Granularity.PerTensor tensor -> null;
      case Granularity.PerToken token -> null;
      case Granularity.PerBlock block -> null;
    };
  }
}
