package dev.fettle.evaluate.report;

import java.util.List;

/// The content of a report; [HtmlReport] draws it and [ReportFiles] writes it.
///
/// @param title heading of the page
/// @param summary what was done and what came out, one short paragraph
/// @param facts key figures for the top of the page
/// @param sections in reading order
public record Report(String title, String summary, List<Fact> facts, List<Section> sections) {
  public Report {
    facts = List.copyOf(facts);
    sections = List.copyOf(sections);
  }

  /// A key figure: a large value over a small label.
  public record Fact(String value, String label) {}
}
