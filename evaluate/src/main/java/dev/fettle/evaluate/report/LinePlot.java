package dev.fettle.evaluate.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Draws [Section.Lines]. A long curve is drawn faintly as measured, with its exponential moving
/// average on top.
final class LinePlot {
  private static final double WIDTH = 720;
  private static final double HEIGHT = 300;
  private static final double LEFT = 56;
  private static final double RIGHT = 12;
  private static final double TOP = 12;
  private static final double BOTTOM = 44;

  /// More points than this are noise to the eye.
  private static final int SMOOTH_FROM = 40;

  /// The first colours are the soft ones that bars of reference models take.
  private static final int FIRST_COLOUR = 3;

  private LinePlot() {}

  static void draw(Section.Lines plot, Markup page) {
    List<Section.Series> series = plot.series().stream().map(s -> shown(s, plot)).toList();
    List<Section.Point> all = series.stream().flatMap(s -> s.points().stream()).toList();
    if (all.isEmpty()) {
      page.element("p", "Nothing to plot.", "class", "note");
      return;
    }
    legend(series, page);
    Scale x =
        Scale.over(
            all.stream().mapToDouble(Section.Point::x).min().orElseThrow(),
            all.stream().mapToDouble(Section.Point::x).max().orElseThrow(),
            LEFT,
            WIDTH - RIGHT,
            plot.x().log());
    Scale y =
        Scale.over(
            all.stream().mapToDouble(Section.Point::y).min().orElseThrow(),
            all.stream().mapToDouble(Section.Point::y).max().orElseThrow(),
            HEIGHT - BOTTOM,
            TOP,
            plot.y().log());
    page.open(
        "svg",
        "viewBox",
        "0 0 " + Markup.number(WIDTH) + " " + Markup.number(HEIGHT),
        "role",
        "img",
        "aria-label",
        plot.heading());
    axes(plot, x, y, page);
    for (int i = 0; i < series.size(); i++) {
      curve(series.get(i), i, x, y, page);
    }
    page.close();
  }

  private static Section.Series shown(Section.Series series, Section.Lines plot) {
    return new Section.Series(
        series.name(),
        series.points().stream()
            .filter(p -> Double.isFinite(p.x()) && Double.isFinite(p.y()))
            .filter(p -> (p.x() > 0 || !plot.x().log()) && (p.y() > 0 || !plot.y().log()))
            .toList());
  }

  private static void legend(List<Section.Series> series, Markup page) {
    page.open("p", "class", "legend");
    for (int i = 0; i < series.size(); i++) {
      page.open("span");
      page.element("i", "", "class", colour(i));
      page.text(series.get(i).name()).close();
    }
    page.close();
  }

  private static String colour(int index) {
    return "c" + (FIRST_COLOUR + index) % HtmlReport.COLOURS;
  }

  private static void axes(Section.Lines plot, Scale x, Scale y, Markup page) {
    for (double tick : y.ticks()) {
      double at = y.at(tick);
      page.leaf("line", "class", "grid", "x1", LEFT, "x2", WIDTH - RIGHT, "y1", at, "y2", at);
      page.element("text", Scale.label(tick), "class", "end", "x", LEFT - 8, "y", at + 4);
    }
    double floor = HEIGHT - BOTTOM;
    page.leaf("line", "class", "axis", "x1", LEFT, "x2", WIDTH - RIGHT, "y1", floor, "y2", floor);
    for (double tick : x.ticks()) {
      double at = x.at(tick);
      page.leaf("line", "class", "axis", "x1", at, "x2", at, "y1", floor, "y2", floor + 4);
      page.element("text", Scale.label(tick), "class", "mid", "x", at, "y", floor + 18);
    }
    double middle = (LEFT + WIDTH - RIGHT) / 2;
    page.element("text", plot.x().label(), "class", "mid name", "x", middle, "y", HEIGHT - 6);
    double centre = (TOP + floor) / 2;
    page.element(
        "text",
        plot.y().label(),
        "class",
        "mid name",
        "transform",
        "translate(13 " + Markup.number(centre) + ") rotate(-90)");
  }

  private static void curve(Section.Series series, int index, Scale x, Scale y, Markup page) {
    List<Section.Point> points = series.points();
    String colour = colour(index);
    boolean smooth = points.size() > SMOOTH_FROM;
    page.leaf(
        "polyline",
        "class",
        "curve " + colour + (smooth ? " raw" : ""),
        "points",
        path(points, x, y));
    if (smooth) {
      page.leaf("polyline", "class", "curve " + colour, "points", path(averaged(points), x, y));
    } else {
      for (Section.Point point : points) {
        page.open(
            "circle",
            "class",
            "dot " + colour,
            "cx",
            x.at(point.x()),
            "cy",
            y.at(point.y()),
            "r",
            3);
        String where =
            String.format(Locale.ROOT, "%s: %.4g at %.6g", series.name(), point.y(), point.x());
        page.element("title", where).close();
      }
    }
  }

  /// Exponential moving average over a thirtieth of the curve, corrected for its start as Adam's
  /// moments are (Kingma and Ba 2015, section 3).
  static List<Section.Point> averaged(List<Section.Point> points) {
    double decay = 1 - 1 / Math.max(2.0, points.size() / 30.0);
    double mean = 0;
    double weight = 0;
    List<Section.Point> averaged = new ArrayList<>();
    for (Section.Point point : points) {
      mean = decay * mean + (1 - decay) * point.y();
      weight = decay * weight + (1 - decay);
      averaged.add(new Section.Point(point.x(), mean / weight));
    }
    return averaged;
  }

  private static String path(List<Section.Point> points, Scale x, Scale y) {
    StringBuilder path = new StringBuilder();
    for (Section.Point point : points) {
      path.append(path.isEmpty() ? "" : " ").append(Markup.number(x.at(point.x())));
      path.append(',').append(Markup.number(y.at(point.y())));
    }
    return path.toString();
  }
}
