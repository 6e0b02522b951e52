package dev.fettle.evaluate.report;

import java.util.List;

/// The sections that are HTML tables.
final class Tables {
  private static final String NO_BREAK_SPACE = "\u00a0";

  private Tables() {}

  static void table(Section.Table table, Markup page) {
    page.open("div", "class", "scroll").open("table").open("thead").open("tr");
    for (Section.Column column : table.columns()) {
      page.element("th", column.name(), "scope", "col", "class", column.numeric() ? "num" : "txt");
    }
    page.close().close().open("tbody").newline();
    for (List<String> row : table.rows()) {
      page.open("tr");
      for (int i = 0; i < row.size(); i++) {
        page.element("td", row.get(i), "class", table.columns().get(i).numeric() ? "num" : "txt");
      }
      page.close().newline();
    }
    page.close().close().close();
  }

  static void shares(Section.Shares shares, Markup page) {
    page.open("div", "class", "scroll").open("table", "class", "shares").open("thead").open("tr");
    page.element("th", "");
    for (String column : shares.columns()) {
      page.element("th", column, "scope", "col", "class", "num");
    }
    page.close().close().open("tbody").newline();
    for (int r = 0; r < shares.rows().size(); r++) {
      page.open("tr").element("th", shares.rows().get(r), "scope", "row", "class", "txt");
      for (double share : shares.values().get(r)) {
        double depth = Double.isNaN(share) ? 0 : Math.clamp(share, 0, 1);
        page.element(
            "td",
            HtmlReport.percent(share),
            "class",
            "num" + (depth > 0.6 ? " full" : ""),
            "style",
            "--share: " + Markup.number(depth));
      }
      page.close().newline();
    }
    page.close().close().close();
  }

  static void answers(Section.Answers answers, Markup page) {
    page.open("div", "class", "scroll").open("table").open("thead").open("tr");
    page.element("th", "question", "scope", "col", "class", "txt");
    page.element("th", "expected", "scope", "col", "class", "txt");
    for (String model : answers.models()) {
      page.element("th", model, "scope", "col", "class", "txt");
    }
    page.close().close().open("tbody").newline();
    for (Section.Asked asked : answers.asked()) {
      page.open("tr").element("td", asked.question(), "class", "txt");
      page.element("td", asked.expected(), "class", "txt");
      for (Section.Answer answer : asked.answers()) {
        // The mark is text, so that it does not depend on seeing colours.
        page.open("td", "class", answer.correct() ? "right" : "wrong");
        page.text((answer.correct() ? "✓" : "✗") + NO_BREAK_SPACE + answer.text()).close();
      }
      page.close().newline();
    }
    page.close().close().close();
  }
}
