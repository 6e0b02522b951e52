package dev.fettle.demo.world;

import java.util.List;

/// What comes after what, and which of two numbers is the bigger one.
///
/// @param name topic name
/// @param weight see [Topic#weight()]
/// @param compare whether numbers are compared; otherwise the next or previous element is told
record Sequences(String name, int weight, boolean compare) implements Topic {
  static final List<Topic> ALL =
      List.of(new Sequences("what comes next", 8, false), new Sequences("comparing", 8, true));

  private static final int LARGEST = 40;

  private record Step(String before, String after) {}

  @Override
  public String prose(Draw draw) {
    if (compare) {
      return comparison(draw);
    }
    Step step = step(draw);
    return switch (draw.between(0, 4)) {
      case 0 -> "After " + step.before + " comes " + step.after + ".";
      case 1 -> "Before " + step.after + " comes " + step.before + ".";
      case 2 -> step.after + " comes after " + step.before + ".";
      case 3 -> step.before + " comes before " + step.after + ".";
      default -> {
        List<String> names = draw.several(Lexicon.NAMES, 2);
        yield draw.chance(0.5)
            ? names.get(0)
                + " asks what comes after "
                + step.before
                + ". "
                + names.get(1)
                + " says "
                + step.after
                + "."
            : names.get(0)
                + " asks what comes before "
                + step.after
                + ". "
                + names.get(1)
                + " says "
                + step.before
                + ".";
      }
    };
  }

  @Override
  public Question question(Draw draw) {
    if (compare) {
      return comparisonQuestion(draw);
    }
    Step step = step(draw);
    boolean next = draw.chance(0.5);
    String given = next ? step.before : step.after;
    String word = next ? "after" : "before";
    return new Question(
        name,
        word + " " + given,
        "What comes " + word + " " + given + "?",
        next ? step.after : step.before);
  }

  private static Step step(Draw draw) {
    return switch (draw.between(0, 3)) {
      case 0 -> cyclic(Lexicon.DAYS, draw);
      case 1 -> cyclic(Lexicon.MONTHS, draw);
      default -> {
        int n = draw.between(0, LARGEST - 1);
        yield new Step(String.valueOf(n), String.valueOf(n + 1));
      }
    };
  }

  private static Step cyclic(List<String> words, Draw draw) {
    int at = draw.between(0, words.size() - 1);
    return new Step(words.get(at), words.get((at + 1) % words.size()));
  }

  private static String comparison(Draw draw) {
    int small = draw.between(0, LARGEST - 1);
    int big = draw.between(small + 1, LARGEST);
    boolean swap = draw.chance(0.5);
    String both = swap ? big + " and " + small : small + " and " + big;
    return switch (draw.between(0, 3)) {
      case 0 -> big + " is bigger than " + small + ".";
      case 1 -> small + " is smaller than " + big + ".";
      case 2 -> "Of " + both + " the bigger is " + big + ".";
      default -> "Of " + both + " the smaller is " + small + ".";
    };
  }

  private Question comparisonQuestion(Draw draw) {
    int small = draw.between(0, LARGEST - 1);
    int big = draw.between(small + 1, LARGEST);
    boolean bigger = draw.chance(0.5);
    String both = draw.chance(0.5) ? big + " or " + small : small + " or " + big;
    String text = "Which is " + (bigger ? "bigger" : "smaller") + ", " + both + "?";
    return new Question(name, small + "<" + big, text, String.valueOf(bigger ? big : small));
  }
}
