package dev.fettle.quantize;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The first part of a scheme that cannot stand where it stands.
final class SchemeMistake extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private static final Pattern ANY_INTEGER = Pattern.compile("(?i)(u?)i(?:nt)?_?([0-9]{1,4})");
  private static final Pattern DIGITS = Pattern.compile("[0-9]{1,6}");

  /// What can stand in a part of a scheme.
  private enum Kind {
    FORMAT,
    SYMMETRY,
    GRANULARITY,
    BLOCK_SIZE,
    SUFFIX,
    NOTHING
  }

  private final int part;
  private final Kind kind;
  private final String suffix;

  private SchemeMistake(int part, Kind kind, String suffix) {
    super("part " + part, null, false, false);
    this.part = part;
    this.kind = kind;
    this.suffix = suffix;
  }

  static SchemeMistake format() {
    return new SchemeMistake(0, Kind.FORMAT, "");
  }

  static SchemeMistake symmetry() {
    return new SchemeMistake(1, Kind.SYMMETRY, "");
  }

  static SchemeMistake granularity(int part) {
    return new SchemeMistake(part, Kind.GRANULARITY, "");
  }

  static SchemeMistake blockSize() {
    return new SchemeMistake(1, Kind.BLOCK_SIZE, "");
  }

  static SchemeMistake suffix(int part, String suffix) {
    return new SchemeMistake(part, Kind.SUFFIX, suffix);
  }

  static SchemeMistake surplus(int part) {
    return new SchemeMistake(part, Kind.NOTHING, "");
  }

  /// Where the mistake is and what is possible there: `is wrong at character 6, 'asim': …`.
  String in(List<String> parts) {
    if (part >= parts.size()) {
      return "ends too early; possible after '%s' are %s"
          .formatted(String.join(":", parts), possible());
    }
    int character = 1;
    for (int i = 0; i < part; i++) {
      character += parts.get(i).length() + 1;
    }
    String where = "is wrong at character %d, '%s'".formatted(character, parts.get(part));
    return kind == Kind.NOTHING
        ? where + ": nothing may follow '" + String.join(":", parts.subList(0, part)) + "'"
        : where + "; possible there " + (kind == Kind.SUFFIX ? "is " : "are ") + possible();
  }

  private String possible() {
    return switch (kind) {
      case FORMAT ->
          "int2 to int8, uint2 to uint8, "
              + String.join(
                  ", ",
                  formats().stream().filter(f -> !f.contains("int") || f.contains(".")).toList());
      case SYMMETRY -> "sym and asym";
      case GRANULARITY -> "tensor, channel, channel=1, token, group=N and block=RxC";
      case BLOCK_SIZE -> "group=N with N one of " + Scheme.Codebook.BLOCK_SIZES;
      case SUFFIX -> suffix + " or nothing";
      case NOTHING -> "nothing";
    };
  }

  /// Replaces the part by the nearest that can stand there, or adds or removes it.
  void repair(List<String> parts) {
    if (part >= parts.size()) {
      parts.add(replacement(""));
    } else if (kind == Kind.NOTHING) {
      parts.subList(part, parts.size()).clear();
    } else {
      parts.set(part, replacement(parts.get(part)));
    }
  }

  private String replacement(String typed) {
    return switch (kind) {
      case FORMAT -> nearestFormat(typed);
      case SYMMETRY -> NearestName.nearest(typed, List.of("sym", "asym")).orElseThrow();
      case GRANULARITY -> nearestGranularity(typed);
      case BLOCK_SIZE -> "group=" + nearestBlockSize(typed);
      case SUFFIX -> suffix;
      case NOTHING -> "";
    };
  }

  private static String nearestFormat(String typed) {
    Matcher integer = ANY_INTEGER.matcher(typed);
    if (integer.matches()) {
      int bits = Math.clamp(Integer.parseInt(integer.group(2)), 2, 8);
      return (integer.group(1).isEmpty() ? "int" : "uint") + bits;
    }
    return NearestName.nearest(typed, formats()).orElseThrow();
  }

  private static List<String> formats() {
    List<String> formats = new ArrayList<>(List.of("int8", "int4"));
    for (int bits = 2; bits <= 8; bits++) {
      formats.add("int" + bits);
      formats.add("uint" + bits);
    }
    formats.addAll(List.of("nf4", "fp4"));
    for (Float8Format float8 : Float8Format.values()) {
      formats.add(float8.text());
    }
    formats.addAll(List.of("mxfp4", "nvfp4", "llm.int8"));
    for (GgmlType type : GgmlType.values()) {
      formats.add(type.text());
    }
    formats.addAll(List.of("float32", "float16", "bfloat16"));
    return formats;
  }

  private static String nearestGranularity(String typed) {
    if (typed.isEmpty()) {
      return "channel";
    }
    List<String> numbers = DIGITS.matcher(typed).results().map(r -> r.group()).toList();
    int first = numbers.isEmpty() ? 0 : Integer.parseInt(numbers.getFirst());
    String size = first == 0 ? "128" : Integer.toString(first);
    String columns =
        numbers.size() < 2 || Integer.parseInt(numbers.get(1)) == 0 ? size : numbers.get(1);
    String group = "group=" + size;
    String block = "block=" + size + "x" + columns;
    return switch (typed.substring(0, typed.indexOf('=') + 1)) {
      case "group=" -> group;
      case "block=" -> block;
      case "channel=" -> "channel=1";
      default ->
          NearestName.nearest(
                  typed, List.of("channel", "tensor", "token", group, block, "channel=1"))
              .orElseThrow();
    };
  }

  private static int nearestBlockSize(String typed) {
    Matcher digits = DIGITS.matcher(typed);
    int wanted = digits.find() ? Math.max(1, Integer.parseInt(digits.group())) : 64;
    return Scheme.Codebook.BLOCK_SIZES.stream()
        .min(Comparator.comparingDouble(size -> Math.abs(Math.log((double) size / wanted))))
        .orElseThrow();
  }
}
