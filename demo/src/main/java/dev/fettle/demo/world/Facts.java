package dev.fettle.demo.world;

import java.util.List;
import java.util.Map;

/// Facts that can only be known by heart: a subject and its one answer.
///
/// @param name topic name
/// @param weight see [Topic#weight()]
/// @param facts subject to answer
/// @param telling prose with `{s}` for the subject, `{a}` for the answer and `{n}`, `{m}` for two
///   names
/// @param asking questions with the same placeholders
record Facts(
    String name, int weight, Map<String, String> facts, List<String> telling, List<String> asking)
    implements Topic {
  static final Topic OPPOSITES =
      new Facts(
          "opposites",
          12,
          Lexicon.OPPOSITES,
          List.of(
              "The opposite of {s} is {a}.",
              "{n} says {s} and {m} says the opposite, {a}.",
              "{n} asks what the opposite of {s} is. {reply}"),
          List.of("What is the opposite of {s}?"));

  static final Topic COLOURS =
      new Facts(
          "colours",
          8,
          Lexicon.COLOUR_OF,
          List.of(
              "The colour of {s} is {a}.",
              "{n} sees that {s} is {a}.",
              "{n} draws {s} and paints it {a}.",
              "{n} asks what colour {s} is. {reply}"),
          List.of("What colour is {s}?", "What is the colour of {s}?"));

  static final Topic SOUNDS =
      new Facts(
          "sounds",
          5,
          Lexicon.SOUND_OF,
          List.of(
              "The {s} says {a}.",
              "The sound of the {s} is {a}.",
              "{n} hears the {s} say {a}.",
              "{n} asks what the {s} says. {reply}"),
          List.of("What does the {s} say?"));

  static final Topic HOMES =
      new Facts(
          "homes",
          5,
          Lexicon.HOME_OF,
          List.of(
              "The {s} lives in the {a}.",
              "The home of the {s} is the {a}.",
              "{n} finds the {s} in the {a}.",
              "{n} asks where the {s} lives. {reply}"),
          List.of("Where does the {s} live?", "What is the home of the {s}?"));

  static final Topic TRADES =
      new Facts(
          "trades",
          5,
          Lexicon.WORK_OF,
          List.of(
              "The {s} makes {a}.",
              "{n} buys {a} from the {s}.",
              "The work of the {s} is to make {a}.",
              "{n} asks what the {s} makes. {reply}"),
          List.of("What does the {s} make?"));

  @Override
  public String prose(Draw draw) {
    return fill(draw.pick(telling), draw.pick(subjects()), draw);
  }

  @Override
  public Question question(Draw draw) {
    String subject = draw.pick(subjects());
    String answer = facts.getOrDefault(subject, "");
    return new Question(name, name + " " + subject, fill(draw.pick(asking), subject, draw), answer);
  }

  private List<String> subjects() {
    return List.copyOf(facts.keySet());
  }

  private String fill(String template, String subject, Draw draw) {
    List<String> names = draw.several(Lexicon.NAMES, 2);
    return template
        .replace("{s}", subject)
        .replace("{reply}", Topic.reply(draw, facts.getOrDefault(subject, "")))
        .replace("{a}", facts.getOrDefault(subject, ""))
        .replace("{n}", names.get(0))
        .replace("{m}", names.get(1));
  }
}
