package dev.fettle.quantize.explain;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.Scheme;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ObjectNode;

/// What a scheme is: its numbers, its scales, the bits it takes.
public final class SchemeExplanation {
  /// A picture of more levels than this is a black bar.
  private static final int MAX_DRAWN = 16;

  private SchemeExplanation() {}

  /// @param rows of the matrix whose size is told
  /// @param columns of it
  /// @throws dev.fettle.tensor.UserException if the matrix has no numbers or too many
  public static Explanation of(Scheme scheme, long rows, long columns) {
    SchemeFacts facts = SchemeFacts.of(scheme, rows, columns);
    List<Part> parts = new ArrayList<>();
    parts.add(new Part.Text(scheme.toString(), List.of(facts.numbers(), facts.scales())));
    parts.add(
        new Part.Steps(
            "Bits per weight of a %d × %d matrix".formatted(rows, columns),
            size(facts, rows * columns)));
    if (!facts.levels().isEmpty() && facts.levels().size() <= MAX_DRAWN) {
      parts.add(levels(facts));
    }
    parts.add(new Part.Text("", List.of(facts.source())));
    return new Explanation("Scheme " + scheme, parts, json(scheme, facts, rows * columns));
  }

  private static List<String> size(SchemeFacts facts, long weights) {
    List<String> lines = new ArrayList<>();
    lines.add("codes   %s bits".formatted(Exact.shortened(new BigDecimal(facts.codeBits()), 6)));
    lines.add(
        "scales  %s bits: %s"
            .formatted(
                Exact.shortened(new BigDecimal(facts.scaleBits(weights)), 4), facts.scaleText()));
    double bits = facts.codeBits() + facts.scaleBits(weights);
    lines.add(
        "all     %s bits: %s instead of %s in 16 bits"
            .formatted(
                Exact.shortened(new BigDecimal(bits), 6),
                MemoryExplanation.size(weights * bits / 8),
                MemoryExplanation.size(weights * 2.0)));
    return lines;
  }

  private static Part levels(SchemeFacts facts) {
    List<Part.Mark> marks = new ArrayList<>();
    for (SchemeFacts.Level level : facts.levels()) {
      marks.add(
          new Part.Mark(
              level.value(), Exact.shortened(new BigDecimal(level.value()), 3), level.code()));
    }
    return new Part.NumberLine(facts.levelText(), facts.unit(), "code", marks);
  }

  private static ObjectNode json(Scheme scheme, SchemeFacts facts, long weights) {
    ObjectNode json =
        Json.object()
            .put("scheme", scheme.toString())
            .put("numbers", facts.numbers())
            .put("scales", facts.scales())
            .put("code_bits", facts.codeBits())
            .put("scale_bits", facts.scaleBits(weights))
            .put("bits_per_weight", facts.codeBits() + facts.scaleBits(weights));
    facts
        .levels()
        .forEach(level ->
            json.withArray("levels")
                .addObject()
                .put("value", level.value())
                .put("code", level.code()));
    return json;
  }

  static String number(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }
}
