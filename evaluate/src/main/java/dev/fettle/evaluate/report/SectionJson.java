package dev.fettle.evaluate.report;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The sections as JSON. Values that are not finite become null: JSON has no NaN.
final class SectionJson {
  private SectionJson() {}

  static void write(Section section, ObjectNode node) {
    switch (section) {
      case Section.Text text -> {
        ArrayNode paragraphs = node.put("kind", "text").putArray("paragraphs");
        text.paragraphs().forEach(paragraphs::add);
      }
      case Section.Commands commands -> {
        ArrayNode lines = node.put("kind", "commands").putArray("commands");
        commands
            .commands()
            .forEach(c -> lines.addObject().put("line", c.line()).put("remark", c.remark()));
      }
      case Section.Table table -> table(table, node);
      case Section.Shares shares -> shares(shares, node);
      case Section.Lines lines -> lines(lines, node);
      case Section.Bars bars -> bars(bars, node);
      case Section.Histogram histogram -> {
        node.put("kind", "histogram").put("label", histogram.label());
        node.put("low", histogram.low()).put("high", histogram.high());
        ArrayNode counts = node.putArray("counts");
        histogram.counts().forEach(counts::add);
      }
      case Section.Answers answers -> answers(answers, node);
      case Section.Distributions distributions -> distributions(distributions, node);
      case Section.NumberLine line -> {
        ArrayNode marks = node.put("kind", "number_line").putArray("marks");
        line.marks()
            .forEach(mark ->
                marks
                    .addObject()
                    .put("at", mark.at())
                    .put(line.upper(), mark.above())
                    .put(line.lower(), mark.below()));
      }
      case Section.BitFields fields -> {
        ArrayNode rows = node.put("kind", "bit_fields").putArray("rows");
        fields
            .rows()
            .forEach(row ->
                rows.addObject()
                    .put("name", row.name())
                    .put("sign", row.sign())
                    .put("exponent", row.exponent())
                    .put("mantissa", row.mantissa()));
      }
    }
  }

  private static void distributions(Section.Distributions distributions, ObjectNode node) {
    ArrayNode list = node.put("kind", "distributions").putArray("distributions");
    for (Section.Distribution one : distributions.distributions()) {
      ObjectNode item =
          list.addObject().put("name", one.name()).put("low", one.low()).put("high", one.high());
      one.before().forEach(item.putArray(distributions.before())::add);
      one.after().forEach(item.putArray(distributions.after())::add);
    }
  }

  private static void table(Section.Table table, ObjectNode node) {
    ArrayNode columns = node.put("kind", "table").putArray("columns");
    table.columns().forEach(c -> columns.add(c.name()));
    ArrayNode rows = node.putArray("rows");
    table.rows().forEach(row -> row.forEach(rows.addArray()::add));
  }

  private static void shares(Section.Shares shares, ObjectNode node) {
    ArrayNode columns = node.put("kind", "shares").putArray("columns");
    shares.columns().forEach(columns::add);
    ArrayNode rows = node.putArray("rows");
    for (int i = 0; i < shares.rows().size(); i++) {
      ArrayNode values = rows.addObject().put("name", shares.rows().get(i)).putArray("values");
      shares.values().get(i).forEach(v -> add(values, v));
    }
  }

  private static void lines(Section.Lines lines, ObjectNode node) {
    node.put("kind", "lines").put("x", lines.x().label()).put("y", lines.y().label());
    ArrayNode series = node.putArray("series");
    for (Section.Series one : lines.series()) {
      ObjectNode curve = series.addObject().put("name", one.name());
      ArrayNode x = curve.putArray("x");
      ArrayNode y = curve.putArray("y");
      one.points()
          .forEach(point -> {
            add(x, point.x());
            add(y, point.y());
          });
    }
  }

  private static void bars(Section.Bars bars, ObjectNode node) {
    ArrayNode panels = node.put("kind", "bars").putArray("panels");
    for (Section.Panel panel : bars.panels()) {
      ArrayNode values = panels.addObject().put("title", panel.title()).putArray("bars");
      for (Section.Bar bar : panel.bars()) {
        ObjectNode value = values.addObject().put("name", bar.name()).put("label", bar.label());
        if (Double.isFinite(bar.value())) {
          value.put("value", bar.value());
        } else {
          value.putNull("value");
        }
      }
    }
  }

  private static void answers(Section.Answers answers, ObjectNode node) {
    ArrayNode models = node.put("kind", "answers").putArray("models");
    answers.models().forEach(models::add);
    ArrayNode asked = node.putArray("asked");
    for (Section.Asked one : answers.asked()) {
      ObjectNode item =
          asked.addObject().put("question", one.question()).put("expected", one.expected());
      ArrayNode given = item.putArray("answers");
      one.answers()
          .forEach(a -> given.addObject().put("text", a.text()).put("correct", a.correct()));
    }
  }

  private static void add(ArrayNode array, double value) {
    if (Double.isFinite(value)) {
      array.add(value);
    } else {
      array.addNull();
    }
  }
}
