package dev.fettle.demo.world;

/// One thing the world knows: it can tell it as prose and ask about it.
interface Topic {
  String name();

  /// How often the topic comes up in the prose, relative to the others.
  int weight();

  /// One or a few sentences that tell something; no question.
  String prose(Draw draw);

  Question question(Draw draw);

  /// How an answer is given in the prose: always in a sentence.
  static String reply(Draw draw, String answer) {
    return draw.chance(0.5)
        ? "The answer is " + answer + "."
        : draw.pick(Lexicon.NAMES) + " says: " + answer + ".";
  }
}
