package dev.fettle.evaluate.report;

import java.util.List;
import java.util.Locale;

/// Draws [Section.Distributions]: for each a small panel, the numbers before as an area and those
/// after as a line. Heights are square roots of counts, so that tails can be seen.
final class DistributionPlot {
  private static final double WIDTH = 340;
  private static final double FLOOR = 96;
  private static final double HEIGHT = 116;
  private static final double SIDE = 6;

  private DistributionPlot() {}

  static void draw(Section.Distributions section, Markup page) {
    page.open("p", "class", "legend");
    page.open("span").element("i", "", "class", "c0").text(section.before()).close();
    page.open("span").element("i", "", "class", "c3").text(section.after()).close();
    page.close();
    page.open("div", "class", "panels");
    for (Section.Distribution one : section.distributions()) {
      page.open("figure").element("figcaption", one.name());
      panel(one, page);
      page.close();
    }
    page.close();
  }

  private static void panel(Section.Distribution one, Markup page) {
    double largest = Math.sqrt(Math.max(largest(one.before()), largest(one.after())));
    page.open(
        "svg",
        "viewBox",
        "0 0 " + Markup.number(WIDTH) + " " + Markup.number(HEIGHT),
        "role",
        "img",
        "aria-label",
        one.name());
    page.leaf("path", "class", "area", "d", outline(one.before(), largest));
    page.leaf("path", "class", "curve c3", "d", outline(one.after(), largest));
    page.leaf("line", "class", "axis", "x1", SIDE, "x2", WIDTH - SIDE, "y1", FLOOR, "y2", FLOOR);
    page.element("text", shown(one.low()), "x", SIDE, "y", HEIGHT - 4);
    page.element("text", shown(one.high()), "class", "end", "x", WIDTH - SIDE, "y", HEIGHT - 4);
    page.close();
  }

  private static String shown(double edge) {
    return String.format(Locale.ROOT, "%.3g", edge);
  }

  private static long largest(List<Long> counts) {
    return counts.stream().mapToLong(Long::longValue).max().orElse(0);
  }

  /// Steps along the bins, closed at the floor.
  private static String outline(List<Long> counts, double largest) {
    double slot = (WIDTH - 2 * SIDE) / Math.max(1, counts.size());
    StringBuilder path = new StringBuilder("M" + point(SIDE, FLOOR));
    for (int i = 0; i < counts.size(); i++) {
      double share = largest == 0 ? 0 : Math.sqrt(counts.get(i)) / largest;
      double y = FLOOR - share * (FLOOR - 6);
      path.append('L').append(point(SIDE + i * slot, y));
      path.append('L').append(point(SIDE + (i + 1) * slot, y));
    }
    return path.append('L').append(point(WIDTH - SIDE, FLOOR)).append('Z').toString();
  }

  private static String point(double x, double y) {
    return Markup.number(x) + " " + Markup.number(y);
  }
}
