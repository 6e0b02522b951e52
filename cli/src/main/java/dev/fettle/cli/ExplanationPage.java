package dev.fettle.cli;

import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.Section;
import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.Part;
import java.util.List;

/// An explanation as a page.
final class ExplanationPage {
  private ExplanationPage() {}

  static Report of(Explanation explanation) {
    return new Report(
        explanation.title(),
        "",
        List.of(),
        explanation.parts().stream().map(ExplanationPage::section).toList());
  }

  private static Section section(Part part) {
    return switch (part) {
      case Part.Text text -> new Section.Text(text.heading(), text.paragraphs());
      case Part.Steps steps ->
          new Section.Commands(
              steps.heading(),
              "",
              List.of(new Section.Command(String.join("\n", steps.lines()), "")));
      case Part.Table table ->
          new Section.Table(
              table.heading(),
              "",
              table.columns().stream().map(c -> new Section.Column(c.name(), c.numeric())).toList(),
              table.rows());
      case Part.Bits bits ->
          new Section.BitFields(
              bits.heading(),
              "",
              bits.rows().stream()
                  .map(r -> new Section.BitRow(r.format(), r.sign(), r.exponent(), r.mantissa()))
                  .toList());
      case Part.NumberLine line ->
          new Section.NumberLine(
              line.heading(),
              "",
              line.upper(),
              line.lower(),
              line.marks().stream()
                  .map(m -> new Section.LineMark(m.at(), m.above(), m.below()))
                  .toList());
      case Part.Bars bars ->
          new Section.Bars(
              bars.heading(),
              "",
              List.of(
                  new Section.Panel(
                      "",
                      bars.bars().stream()
                          .map(b -> new Section.Bar(b.name(), b.value(), b.label()))
                          .toList())));
    };
  }
}
