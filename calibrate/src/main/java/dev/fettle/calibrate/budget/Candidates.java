package dev.fettle.calibrate.budget;

import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;

/// The schemes that a budget is spent on.
public final class Candidates {
  private Candidates() {}

  /// 4 bits in two group sizes, and 8 bits: what compressed-tensors' readers have fast kernels for.
  public static List<Scheme> byDefault() {
    return parse(List.of("int4:asym:group=128", "int4:asym:group=32", "int8:sym:channel"));
  }

  /// @throws UserException if a text is no scheme, or the folder's layout cannot mix it with others
  public static List<Scheme> parse(List<String> texts) {
    List<Scheme> schemes = new ArrayList<>();
    for (String text : texts) {
      Scheme scheme = Scheme.parse(text.strip());
      boolean mixes =
          switch (scheme) {
            case Scheme.Affine _, Scheme.Float8 _, Scheme.Mxfp4 _, Scheme.Nvfp4 _, Scheme.Cast _ ->
                true;
            case Scheme.Nf4 _, Scheme.Fp4 _, Scheme.LlmInt8 _, Scheme.Ggml _ -> false;
          };
      if (!mixes) {
        throw new UserException(
            "Candidate %s cannot be mixed with other schemes in one model folder; choose integers, fp8, mxfp4, nvfp4 or bfloat16."
                .formatted(scheme));
      }
      if (!schemes.contains(scheme)) {
        schemes.add(scheme);
      }
    }
    return List.copyOf(schemes);
  }

  /// Whether the groups or blocks of a scheme divide the rows of a weight.
  static boolean fits(Scheme scheme, Shape shape) {
    long columns = shape.dim(1);
    return switch (scheme) {
      case Scheme.Affine affine -> divides(affine.granularity(), columns);
      case Scheme.Float8 float8 -> divides(float8.granularity(), columns);
      case Scheme.Mxfp4 _ -> columns % Scheme.Mxfp4.BLOCK_SIZE == 0;
      case Scheme.Nvfp4 _ -> columns % Scheme.Nvfp4.BLOCK_SIZE == 0;
      case Scheme.Nf4 _, Scheme.Fp4 _, Scheme.LlmInt8 _, Scheme.Ggml _, Scheme.Cast _ -> true;
    };
  }

  private static boolean divides(Granularity granularity, long columns) {
    return !(granularity instanceof Granularity.PerGroup group) || columns % group.size() == 0;
  }
}
