package dev.fettle.demo.world;

import java.util.List;

/// Adding and subtracting small whole numbers: in digits, in words, and as little stories.
///
/// @param name topic name
/// @param weight see [Topic#weight()]
/// @param form how the numbers are written and wrapped
record Arithmetic(String name, int weight, Form form) implements Topic {
  enum Form {
    ADD_DIGITS,
    SUBTRACT_DIGITS,
    ADD_WORDS,
    SUBTRACT_WORDS,
    STORY
  }

  static final List<Topic> ALL =
      List.of(
          new Arithmetic("addition", 14, Form.ADD_DIGITS),
          new Arithmetic("subtraction", 12, Form.SUBTRACT_DIGITS),
          new Arithmetic("addition in words", 9, Form.ADD_WORDS),
          new Arithmetic("subtraction in words", 9, Form.SUBTRACT_WORDS),
          new Arithmetic("stories", 16, Form.STORY));

  /// Largest operand; small enough that a few million tokens show every pair often.
  private static final int LARGEST = 10;

  @Override
  public String prose(Draw draw) {
    return switch (form) {
      case ADD_DIGITS -> sum(draw, draw.between(0, LARGEST), draw.between(0, LARGEST), false);
      case ADD_WORDS -> {
        int a = draw.between(0, LARGEST);
        yield sum(draw, a, draw.between(0, LARGEST - a), true);
      }
      case SUBTRACT_DIGITS -> {
        int b = draw.between(0, LARGEST);
        yield difference(draw, b + draw.between(0, LARGEST), b, false);
      }
      case SUBTRACT_WORDS -> {
        int a = draw.between(0, LARGEST);
        yield difference(draw, a, draw.between(0, a), true);
      }
      case STORY -> story(draw);
    };
  }

  @Override
  public Question question(Draw draw) {
    return switch (form) {
      case ADD_DIGITS -> plus(draw.between(0, LARGEST), draw.between(0, LARGEST), false);
      case ADD_WORDS -> {
        int a = draw.between(0, LARGEST);
        yield plus(a, draw.between(0, LARGEST - a), true);
      }
      case SUBTRACT_DIGITS -> {
        int b = draw.between(0, LARGEST);
        yield minus(b + draw.between(0, LARGEST), b, false);
      }
      case SUBTRACT_WORDS -> {
        int a = draw.between(0, LARGEST);
        yield minus(a, draw.between(0, a), true);
      }
      case STORY -> storyQuestion(draw);
    };
  }

  private Question plus(int a, int b, boolean words) {
    String text = "What is " + number(a, words) + " plus " + number(b, words) + "?";
    return new Question(name, a + "+" + b, text, number(a + b, words));
  }

  private Question minus(int a, int b, boolean words) {
    String text = "What is " + number(a, words) + " minus " + number(b, words) + "?";
    return new Question(name, a + "-" + b, text, number(a - b, words));
  }

  private static String sum(Draw draw, int a, int b, boolean words) {
    String x = number(a, words);
    String y = number(b, words);
    String z = number(a + b, words);
    return switch (draw.between(0, 4)) {
      case 0 -> "If you add " + y + " to " + x + " you get " + z + ".";
      case 1 ->
          draw.pick(Lexicon.NAMES)
              + " asks what "
              + x
              + " plus "
              + y
              + " is. The answer is "
              + z
              + ".";
      default -> "So " + x + " plus " + y + " is " + z + ".";
    };
  }

  private static String difference(Draw draw, int a, int b, boolean words) {
    String x = number(a, words);
    String y = number(b, words);
    String z = number(a - b, words);
    return switch (draw.between(0, 4)) {
      case 0 -> "If you take " + y + " from " + x + " you get " + z + ".";
      case 1 ->
          draw.pick(Lexicon.NAMES)
              + " asks what "
              + x
              + " minus "
              + y
              + " is. The answer is "
              + z
              + ".";
      default -> "So " + x + " minus " + y + " is " + z + ".";
    };
  }

  private static String story(Draw draw) {
    Plot plot = Plot.draw(draw);
    String end =
        draw.chance(0.5)
            ? " Now " + plot.who + " has " + plot.count(plot.result()) + "."
            : " "
                + plot.other
                + " asks how many "
                + plot.thing
                + "s "
                + plot.who
                + " has now. "
                + Topic.reply(draw, String.valueOf(plot.result()));
    return plot.events() + end;
  }

  private Question storyQuestion(Draw draw) {
    Plot plot = Plot.draw(draw);
    String text = plot.events() + " How many " + plot.thing + "s does " + plot.who + " have now?";
    String key = plot.a + (plot.gets ? "+" : "-") + plot.b;
    return new Question(name, key, text, String.valueOf(plot.result()));
  }

  /// Somebody has `a` things and gets or gives away `b` of them.
  private record Plot(String who, String other, String thing, int a, int b, boolean gets) {
    static Plot draw(Draw draw) {
      List<String> names = draw.several(Lexicon.NAMES, 2);
      boolean gets = draw.chance(0.5);
      int b = draw.between(1, 10);
      int a = gets ? draw.between(1, 10) : b + draw.between(0, 10);
      return new Plot(names.get(0), names.get(1), draw.pick(Lexicon.COUNTED), a, b, gets);
    }

    int result() {
      return gets ? a + b : a - b;
    }

    String count(int n) {
      return n + " " + thing + (n == 1 ? "" : "s");
    }

    String events() {
      String change = gets ? who + " gets " + b + " more." : who + " gives away " + b + ".";
      return who + " has " + count(a) + ". " + change;
    }
  }

  private static String number(int value, boolean words) {
    return words ? Lexicon.NUMBERS.get(value) : String.valueOf(value);
  }
}
