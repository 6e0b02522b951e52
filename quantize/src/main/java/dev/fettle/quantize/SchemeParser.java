package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Reads a scheme: parts between colons, the first of which is the format.
final class SchemeParser {
  private static final Pattern INTEGER = Pattern.compile("(u?)int([2-8])");
  private static final Pattern BLOCK = Pattern.compile("([0-9]{1,6})x([0-9]{1,6})");
  private static final int DEFAULT_BLOCK_SIZE = 64;

  private final String text;
  private final List<String> parts;

  private SchemeParser(String text) {
    this.text = text;
    this.parts = List.of(text.split(":", -1));
  }

  static Scheme parse(String text) {
    return new SchemeParser(text).scheme();
  }

  private Scheme scheme() {
    String format = parts.getFirst();
    Matcher integer = INTEGER.matcher(format);
    if (integer.matches()) {
      return affine(Integer.parseInt(integer.group(2)), integer.group(1).isEmpty());
    }
    for (Float8Format float8 : Float8Format.values()) {
      if (float8.text().equals(format)) {
        return new Scheme.Float8(float8, granularity(1));
      }
    }
    for (GgmlType type : GgmlType.values()) {
      if (type.text().equals(format)) {
        return only(new Scheme.Ggml(type));
      }
    }
    return switch (format) {
      case "nf4" -> new Scheme.Nf4(blockSize(), isDouble());
      case "fp4" -> new Scheme.Fp4(blockSize(), isDouble());
      case "mxfp4" -> only(new Scheme.Mxfp4());
      case "nvfp4" -> only(new Scheme.Nvfp4());
      case "llm.int8" -> only(new Scheme.LlmInt8());
      case "float32", "fp32" -> only(new Scheme.Cast(DType.F32));
      case "float16", "fp16" -> only(new Scheme.Cast(DType.F16));
      case "bfloat16", "bf16" -> only(new Scheme.Cast(DType.BF16));
      default -> throw unknown();
    };
  }

  private Scheme only(Scheme scheme) {
    if (parts.size() != 1) {
      throw unknown();
    }
    return scheme;
  }

  private Scheme affine(int bits, boolean signed) {
    boolean restricted = parts.size() == 4 && parts.getLast().equals("restricted");
    if (parts.size() != (restricted ? 4 : 3)) {
      throw unknown();
    }
    Symmetry symmetry =
        switch (parts.get(1)) {
          case "sym" -> restricted ? Symmetry.RESTRICTED : Symmetry.SYMMETRIC;
          case "asym" -> Symmetry.ASYMMETRIC;
          default -> throw unknown();
        };
    if (restricted && symmetry == Symmetry.ASYMMETRIC) {
      throw unknown();
    }
    return new Scheme.Affine(bits, signed, symmetry, granularity(2));
  }

  private Granularity granularity(int at) {
    if (parts.size() <= at) {
      throw unknown();
    }
    String part = parts.get(at);
    int equals = part.indexOf('=');
    String value = equals < 0 ? "" : part.substring(equals + 1);
    return switch (equals < 0 ? part : part.substring(0, equals + 1)) {
      case "tensor" -> new Granularity.PerTensor();
      case "channel" -> new Granularity.PerChannel(0);
      case "channel=" -> new Granularity.PerChannel(axis(value));
      case "token" -> new Granularity.PerToken();
      case "group=" -> new Granularity.PerGroup(positive(value));
      case "block=" -> block(value);
      default -> throw unknown();
    };
  }

  private int axis(String value) {
    if (!value.equals("0") && !value.equals("1")) {
      throw unknown();
    }
    return Integer.parseInt(value);
  }

  private Granularity.PerBlock block(String value) {
    Matcher block = BLOCK.matcher(value);
    if (!block.matches()) {
      throw unknown();
    }
    return new Granularity.PerBlock(positive(block.group(1)), positive(block.group(2)));
  }

  private int positive(String value) {
    if (!value.matches("[0-9]{1,6}") || Integer.parseInt(value) == 0) {
      throw unknown();
    }
    return Integer.parseInt(value);
  }

  private int blockSize() {
    if (parts.size() == 1) {
      return DEFAULT_BLOCK_SIZE;
    }
    String part = parts.get(1);
    if (!part.startsWith("group=")) {
      throw unknown();
    }
    return positive(part.substring("group=".length()));
  }

  private boolean isDouble() {
    if (parts.size() > 3 || (parts.size() == 3 && !parts.get(2).equals("double"))) {
      throw unknown();
    }
    return parts.size() == 3;
  }

  private UserException unknown() {
    return new UserException(
        "Unknown quantization scheme '%s'; known are for example %s."
            .formatted(
                text,
                String.join(
                    ", ",
                    Arrays.asList(
                        "int8:sym:channel",
                        "int4:asym:group=128",
                        "nf4:group=64:double",
                        "llm.int8",
                        "fp8_e4m3:channel",
                        "mxfp4"))));
  }
}
