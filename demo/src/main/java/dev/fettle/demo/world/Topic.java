package dev.fettle.demo.world;

/// One thing the world knows: it can tell it as prose and ask about it.
interface Topic {
  String name();

  /// How often the topic comes up in the prose, relative to the others.
  int weight();

  /// One or a few sentences without any question mark.
  String prose(Draw draw);

  Question question(Draw draw);
}
