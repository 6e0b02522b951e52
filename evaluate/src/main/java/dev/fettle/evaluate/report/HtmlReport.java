package dev.fettle.evaluate.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/// A [Report] as one HTML page that needs nothing beside itself. The page is well-formed XML too.
public final class HtmlReport {
  /// Number of colours in the stylesheet; series beyond that start again.
  static final int COLOURS = 7;

  private static final String STYLESHEET = "report.css";

  private HtmlReport() {}

  /// @return the page, UTF-8 by its own declaration
  public static String render(Report report) {
    Markup page = new Markup();
    page.open("html", "lang", "en").newline();
    page.open("head").leaf("meta", "charset", "utf-8");
    page.leaf("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    page.element("title", report.title()).newline().style(stylesheet()).close().newline();
    page.open("body").open("main").newline();
    page.open("header").element("h1", report.title());
    if (!report.summary().isEmpty()) {
      page.element("p", report.summary(), "class", "summary");
    }
    facts(report.facts(), page);
    page.close().newline();
    for (Section section : report.sections()) {
      page.open("section");
      if (!section.heading().isEmpty()) {
        page.element("h2", section.heading());
      }
      body(section, page);
      page.close().newline();
    }
    page.close().close().close();
    return "<!DOCTYPE html>\n" + page.finish() + "\n";
  }

  private static void body(Section section, Markup page) {
    switch (section) {
      case Section.Text text -> text.paragraphs().forEach(p -> page.element("p", p));
      case Section.Commands commands -> {
        note(commands.note(), page);
        commands(commands, page);
      }
      case Section.Table table -> {
        note(table.note(), page);
        Tables.table(table, page);
      }
      case Section.Shares shares -> {
        note(shares.note(), page);
        Tables.shares(shares, page);
      }
      case Section.Answers answers -> {
        note(answers.note(), page);
        Tables.answers(answers, page);
      }
      case Section.Lines lines -> {
        note(lines.note(), page);
        LinePlot.draw(lines, page);
      }
      case Section.Bars bars -> {
        note(bars.note(), page);
        BarPlot.draw(bars, page);
      }
      case Section.Histogram histogram -> {
        note(histogram.note(), page);
        BarPlot.draw(histogram, page);
      }
      case Section.Distributions distributions -> {
        note(distributions.note(), page);
        DistributionPlot.draw(distributions, page);
      }
      case Section.NumberLine line -> {
        note(line.note(), page);
        Diagrams.numberLine(line, page);
      }
      case Section.BitFields fields -> {
        note(fields.note(), page);
        Diagrams.bitFields(fields, page);
      }
    }
  }

  private static void facts(List<Report.Fact> facts, Markup page) {
    if (facts.isEmpty()) {
      return;
    }
    page.open("div", "class", "facts");
    for (Report.Fact fact : facts) {
      page.open("div").element("b", fact.value()).element("span", fact.label()).close();
    }
    page.close();
  }

  private static void note(String note, Markup page) {
    if (!note.isEmpty()) {
      page.element("p", note, "class", "note");
    }
  }

  private static void commands(Section.Commands section, Markup page) {
    page.open("dl", "class", "commands");
    for (Section.Command command : section.commands()) {
      if (!command.remark().isEmpty()) {
        page.element("dt", command.remark());
      }
      page.open("dd").element("code", command.line()).close();
    }
    page.close();
  }

  /// A share as a whole percentage, "–" for NaN.
  static String percent(double share) {
    return Double.isNaN(share) ? "–" : String.format(Locale.ROOT, "%.0f%%", 100 * share);
  }

  private static String stylesheet() {
    try (InputStream in = HtmlReport.class.getResourceAsStream(STYLESHEET)) {
      if (in == null) {
        throw new IllegalStateException(STYLESHEET + " is missing from the class path");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
