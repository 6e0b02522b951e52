package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Reads a scheme: parts between colons, the first of which is the format. A scheme with a mistake
/// is answered with its place, what is possible there, and the nearest scheme there is.
final class SchemeParser {
  private static final Pattern INTEGER = Pattern.compile("(u?)int([2-8])");
  private static final Pattern BLOCK = Pattern.compile("([0-9]{1,6})x([0-9]{1,6})");
  private static final int DEFAULT_BLOCK_SIZE = 64;

  /// A repair changes one part; no scheme has more.
  private static final int MAX_REPAIRS = 6;

  private final List<String> parts;

  private SchemeParser(List<String> parts) {
    this.parts = parts;
  }

  static Scheme parse(String text) {
    List<String> parts = List.of(text.split(":", -1));
    try {
      return new SchemeParser(parts).scheme();
    } catch (SchemeMistake mistake) {
      throw new UserException(
          "Scheme '%s' %s; did you mean %s?".formatted(text, mistake.in(parts), nearest(parts)),
          mistake);
    }
  }

  /// The valid scheme that is reached by repairing one part after the other.
  private static Scheme nearest(List<String> typed) {
    List<String> parts = new ArrayList<>(typed);
    for (int i = 0; i < MAX_REPAIRS; i++) {
      try {
        return new SchemeParser(parts).scheme();
      } catch (SchemeMistake mistake) {
        mistake.repair(parts);
      }
    }
    throw new IllegalStateException("no repair of " + typed + " ends");
  }

  private Scheme scheme() {
    String format = parts.getFirst();
    Matcher integer = INTEGER.matcher(format);
    if (integer.matches()) {
      return affine(Integer.parseInt(integer.group(2)), integer.group(1).isEmpty());
    }
    for (Float8Format float8 : Float8Format.values()) {
      if (float8.text().equals(format)) {
        Granularity granularity = granularity(1);
        return only(2, new Scheme.Float8(float8, granularity));
      }
    }
    for (GgmlType type : GgmlType.values()) {
      if (type.text().equals(format)) {
        return only(1, new Scheme.Ggml(type));
      }
    }
    return switch (format) {
      case "nf4" -> new Scheme.Nf4(blockSize(), isDouble());
      case "fp4" -> new Scheme.Fp4(blockSize(), isDouble());
      case "mxfp4" -> only(1, new Scheme.Mxfp4());
      case "nvfp4" -> only(1, new Scheme.Nvfp4());
      case "llm.int8" -> only(1, new Scheme.LlmInt8());
      case "float32", "fp32" -> only(1, new Scheme.Cast(DType.F32));
      case "float16", "fp16" -> only(1, new Scheme.Cast(DType.F16));
      case "bfloat16", "bf16" -> only(1, new Scheme.Cast(DType.BF16));
      default -> throw SchemeMistake.format();
    };
  }

  private Scheme only(int length, Scheme scheme) {
    if (parts.size() > length) {
      throw SchemeMistake.surplus(length);
    }
    return scheme;
  }

  private Scheme affine(int bits, boolean signed) {
    Symmetry symmetry =
        switch (part(1)) {
          case "sym" -> Symmetry.SYMMETRIC;
          case "asym" -> Symmetry.ASYMMETRIC;
          default -> throw SchemeMistake.symmetry();
        };
    Granularity granularity = granularity(2);
    if (parts.size() == 3 || !symmetry.symmetric()) {
      return only(3, new Scheme.Affine(bits, signed, symmetry, granularity));
    }
    if (!parts.get(3).equals("restricted")) {
      throw SchemeMistake.suffix(3, "restricted");
    }
    return only(4, new Scheme.Affine(bits, signed, Symmetry.RESTRICTED, granularity));
  }

  private Granularity granularity(int at) {
    String part = part(at);
    int equals = part.indexOf('=');
    String value = equals < 0 ? "" : part.substring(equals + 1);
    return switch (equals < 0 ? part : part.substring(0, equals + 1)) {
      case "tensor" -> new Granularity.PerTensor();
      case "channel" -> new Granularity.PerChannel(0);
      case "channel=" -> new Granularity.PerChannel(axis(value, at));
      case "token" -> new Granularity.PerToken();
      case "group=" -> new Granularity.PerGroup(positive(value, at));
      case "block=" -> block(value, at);
      default -> throw SchemeMistake.granularity(at);
    };
  }

  private int axis(String value, int at) {
    if (!value.equals("0") && !value.equals("1")) {
      throw SchemeMistake.granularity(at);
    }
    return Integer.parseInt(value);
  }

  private Granularity.PerBlock block(String value, int at) {
    Matcher block = BLOCK.matcher(value);
    if (!block.matches()) {
      throw SchemeMistake.granularity(at);
    }
    return new Granularity.PerBlock(positive(block.group(1), at), positive(block.group(2), at));
  }

  private static int positive(String value, int at) {
    if (!value.matches("[0-9]{1,6}") || Integer.parseInt(value) == 0) {
      throw SchemeMistake.granularity(at);
    }
    return Integer.parseInt(value);
  }

  private int blockSize() {
    if (parts.size() == 1) {
      return DEFAULT_BLOCK_SIZE;
    }
    String part = parts.get(1);
    String digits = part.startsWith("group=") ? part.substring("group=".length()) : "";
    if (!digits.matches("[0-9]{1,6}")
        || !Scheme.Codebook.BLOCK_SIZES.contains(Integer.parseInt(digits))) {
      throw SchemeMistake.blockSize();
    }
    return Integer.parseInt(digits);
  }

  private boolean isDouble() {
    if (parts.size() > 2 && !parts.get(2).equals("double")) {
      throw SchemeMistake.suffix(2, "double");
    }
    if (parts.size() > 3) {
      throw SchemeMistake.surplus(3);
    }
    return parts.size() == 3;
  }

  /// The part, or nothing where the text ends before it.
  private String part(int at) {
    return at < parts.size() ? parts.get(at) : "";
  }
}
