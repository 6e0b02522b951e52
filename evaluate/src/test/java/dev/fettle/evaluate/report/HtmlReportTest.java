package dev.fettle.evaluate.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import tools.jackson.databind.node.ObjectNode;

class HtmlReportTest {
  private static final String NASTY = "a < b & c > \"d\" 'e' </td><script>x</script> \u0000 \u2713";

  @Test
  void everySectionIsWellFormedWithHostileText() throws Exception {
    Document page = parse(HtmlReport.render(everything(NASTY)));

    assertThat(page.getElementsByTagName("script").getLength()).isZero();
    assertThat(page.getElementsByTagName("section").getLength()).isEqualTo(8);
    assertThat(page.getElementsByTagName("h1").item(0).getTextContent())
        .isEqualTo(NASTY.replace('\u0000', '\uFFFD'));
    assertThat(page.getElementsByTagName("svg").getLength()).isEqualTo(3);
  }

  @Test
  void thePageNeedsNothingElse() {
    String page = HtmlReport.render(everything("plain"));

    assertThat(page).startsWith("<!DOCTYPE html>\n<html lang=\"en\">");
    assertThat(page).doesNotContain("http:", "https:", "<script", "<link", "src=", "url(");
    assertThat(page).contains("prefers-color-scheme: dark");
  }

  @Test
  void tablesShowNumbersRightAndMarkAnswersInText() {
    String page = HtmlReport.render(everything("x"));

    assertThat(page)
        .contains("<tr><td class=\"txt\">nf4</td><td class=\"num\">4.13</td></tr>")
        .contains("<td class=\"num full\" style=\"--share: 0.75\">75%</td>")
        .contains("<td class=\"num\" style=\"--share: 0\">–</td>")
        .contains("<td class=\"right\">✓ 12</td><td class=\"wrong\">✗ Tom</td>");
  }

  @Test
  void shortCurvesShowTheirPointsAndLongOnesAnAverage() {
    String few = HtmlReport.render(curve(10));
    String many = HtmlReport.render(curve(100));

    assertThat(few).contains("<circle").doesNotContain("curve c3 raw");
    assertThat(many).contains("curve c3 raw").doesNotContain("<circle");
  }

  @Test
  void aCurveRunsThroughItsPixels() {
    Section.Lines lines =
        new Section.Lines(
            "l",
            "",
            new Section.Axis("step", false),
            new Section.Axis("loss", false),
            List.of(
                new Section.Series(
                    "a",
                    List.of(
                        new Section.Point(0, 0),
                        new Section.Point(5, Double.NaN),
                        new Section.Point(10, 10)))));

    // The plot area is x 56..708 and y 256 (bottom) .. 12; the point that is not finite is left
    // out.
    assertThat(HtmlReport.render(new Report("t", "", List.of(), List.of(lines))))
        .contains("points=\"56,256 708,12\"");
  }

  @Test
  void theJsonHoldsTheSameNumbers(@TempDir Path folder) throws Exception {
    Path html = folder.resolve("report.html");
    ReportFiles.write(html, everything("x"));

    assertThat(Files.readString(html)).isEqualTo(HtmlReport.render(everything("x")));
    ObjectNode json = Json.read(folder.resolve("report.json"));
    assertThat(json.get("sections").size()).isEqualTo(8);
    assertThat(json.at("/sections/4/series/0/y/1").asDouble()).isEqualTo(2.25);
    assertThat(json.at("/sections/3/rows/0/values/1").isNull()).isTrue();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(2);
    }
  }

  @Test
  void rowsOfTheWrongLengthAreRefused() {
    List<Section.Column> columns = List.of(new Section.Column("a", false));

    assertThatThrownBy(() -> new Section.Table("t", "", columns, List.of(List.of("1", "2"))))
        .hasMessage("row of 2 cells in a table of 1 columns");
  }

  @Test
  void histogramCountsEveryFiniteValueOnce() {
    Section.Histogram histogram =
        Section.Histogram.of("h", "", "x", new double[] {0, 1, 1, 4, Double.NaN}, 4);

    assertThat(histogram.counts()).containsExactly(1L, 2L, 0L, 1L);
    assertThat(histogram.high()).isEqualTo(4);
    assertThatThrownBy(() -> Section.Histogram.of("h", "", "x", new double[0], 4))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static Report curve(int points) {
    List<Section.Point> curve = new ArrayList<>();
    for (int i = 0; i < points; i++) {
      curve.add(new Section.Point(i, 1.0 / (i + 1)));
    }
    Section.Axis axis = new Section.Axis("x", false);
    return new Report(
        "t",
        "",
        List.of(),
        List.of(new Section.Lines("l", "", axis, axis, List.of(new Section.Series("s", curve)))));
  }

  private static Report everything(String text) {
    return new Report(
        text,
        text,
        List.of(new Report.Fact(text, text)),
        List.of(
            new Section.Text(text, List.of(text)),
            new Section.Commands(text, text, List.of(new Section.Command(text, text))),
            new Section.Table(
                text,
                text,
                List.of(new Section.Column(text, false), new Section.Column("bits", true)),
                List.of(List.of("nf4", "4.13"))),
            new Section.Shares(
                text, text, List.of(text, "b"), List.of(text), List.of(List.of(0.75, Double.NaN))),
            new Section.Lines(
                text,
                text,
                new Section.Axis(text, false),
                new Section.Axis(text, true),
                List.of(
                    new Section.Series(
                        text, List.of(new Section.Point(1, 4.5), new Section.Point(2, 2.25))))),
            new Section.Bars(
                text,
                text,
                List.of(new Section.Panel(text, List.of(new Section.Bar(text, 3, text))))),
            Section.Histogram.of(text, text, text, new double[] {1, 2, 2, 3}, 3),
            new Section.Answers(
                text,
                text,
                List.of("lora", "base"),
                List.of(
                    new Section.Asked(
                        text,
                        "12",
                        List.of(
                            new Section.Answer("12", true), new Section.Answer("Tom", false)))))));
  }

  private static Document parse(String page) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    byte[] bytes = page.getBytes(StandardCharsets.UTF_8);
    return factory.newDocumentBuilder().parse(new ByteArrayInputStream(bytes));
  }
}
