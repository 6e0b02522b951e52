package dev.fettle.demo.world;

import java.util.List;

/// What comes after what, and what before: numbers, days and months.
///
/// @param name topic name
/// @param weight see [Topic#weight()]
record Sequences(String name, int weight) implements Topic {
  private static final int LARGEST = 20;

  private record Step(String before, String after) {}

  @Override
  public String prose(Draw draw) {
    Step step = step(draw);
    String asker = draw.pick(Lexicon.NAMES);
    return switch (draw.between(0, 3)) {
      case 0 -> "After " + step.before + " comes " + step.after + ".";
      case 1 -> "Before " + step.after + " comes " + step.before + ".";
      case 2 ->
          asker + " asks what comes after " + step.before + ". " + Topic.reply(draw, step.after);
      default ->
          asker + " asks what comes before " + step.after + ". " + Topic.reply(draw, step.before);
    };
  }

  @Override
  public Question question(Draw draw) {
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
}
