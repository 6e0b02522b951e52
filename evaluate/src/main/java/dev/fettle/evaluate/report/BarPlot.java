package dev.fettle.evaluate.report;

import java.util.List;

/// Draws [Section.Bars] (lying bars from zero) and [Section.Histogram] (standing ones).
final class BarPlot {
  private static final double WIDTH = 340;
  private static final double NAMES = 96;
  private static final double LABELS = 64;
  private static final double ROW = 28;
  private static final double THICKNESS = 16;

  private static final double WIDE = 720;
  private static final double HIGH = 220;
  private static final double FLOOR = HIGH - 40;

  private BarPlot() {}

  static void draw(Section.Bars bars, Markup page) {
    page.open("div", "class", "panels");
    for (Section.Panel panel : bars.panels()) {
      page.open("figure").element("figcaption", panel.title());
      panel(panel, page);
      page.close();
    }
    page.close();
  }

  private static void panel(Section.Panel panel, Markup page) {
    List<Section.Bar> bars = panel.bars();
    double largest =
        bars.stream().mapToDouble(Section.Bar::value).filter(Double::isFinite).max().orElse(0);
    double height = bars.size() * ROW + 4;
    page.open(
        "svg",
        "viewBox",
        "0 0 " + Markup.number(WIDTH) + " " + Markup.number(height),
        "role",
        "img",
        "aria-label",
        panel.title());
    for (int i = 0; i < bars.size(); i++) {
      Section.Bar bar = bars.get(i);
      double top = i * ROW + 4;
      double share = largest > 0 && bar.value() > 0 ? Math.min(1, bar.value() / largest) : 0;
      double length = share * (WIDTH - NAMES - LABELS);
      page.element("text", bar.name(), "class", "end", "x", NAMES - 8, "y", top + 13);
      page.open(
          "rect",
          "class",
          "bar c" + i % HtmlReport.COLOURS,
          "x",
          NAMES,
          "y",
          top,
          "width",
          Math.max(length, 1),
          "height",
          THICKNESS,
          "rx",
          3);
      page.element("title", bar.name() + ": " + bar.label()).close();
      page.element("text", bar.label(), "class", "value", "x", NAMES + length + 7, "y", top + 13);
    }
    page.close();
  }

  static void draw(Section.Histogram histogram, Markup page) {
    List<Long> counts = histogram.counts();
    long largest = counts.stream().mapToLong(Long::longValue).max().orElse(0);
    double left = 8;
    double slot = (WIDE - 2 * left) / Math.max(1, counts.size());
    page.open(
        "svg",
        "viewBox",
        "0 0 " + Markup.number(WIDE) + " " + Markup.number(HIGH),
        "role",
        "img",
        "aria-label",
        histogram.heading());
    double width = (histogram.high() - histogram.low()) / Math.max(1, counts.size());
    for (int i = 0; i < counts.size(); i++) {
      double height = largest == 0 ? 0 : (FLOOR - 10) * counts.get(i) / largest;
      page.open(
          "rect",
          "class",
          "bar c0",
          "x",
          left + i * slot + 0.5,
          "y",
          FLOOR - height,
          "width",
          Math.max(slot - 1, 0.5),
          "height",
          height);
      double from = histogram.low() + i * width;
      page.element(
          "title", Scale.label(from) + " to " + Scale.label(from + width) + ": " + counts.get(i));
      page.close();
    }
    page.leaf("line", "class", "axis", "x1", left, "x2", WIDE - left, "y1", FLOOR, "y2", FLOOR);
    Scale x = new Scale(histogram.low(), histogram.high(), left, WIDE - left, false);
    for (double tick : x.ticks()) {
      page.element("text", Scale.label(tick), "class", "mid", "x", x.at(tick), "y", FLOOR + 16);
    }
    page.element("text", histogram.label(), "class", "mid name", "x", WIDE / 2, "y", HIGH - 4);
    page.close();
  }
}
