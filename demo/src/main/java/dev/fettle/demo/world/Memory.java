package dev.fettle.demo.world;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What must be remembered from the lines just read: who has which thing, and words to say again.
///
/// @param name topic name
/// @param weight see [Topic#weight()]
/// @param form what is remembered
record Memory(String name, int weight, Form form) implements Topic {
  enum Form {
    OWNER,
    COLOUR,
    ECHO
  }

  static final List<Topic> ALL =
      List.of(
          new Memory("who has it", 12, Form.OWNER),
          new Memory("which colour", 10, Form.COLOUR),
          new Memory("repeating", 8, Form.ECHO));

  private static final List<String> ECHO_WORDS =
      Stream.of(Lexicon.THINGS, Lexicon.COLOURS, Lexicon.COUNTED)
          .flatMap(List::stream)
          .distinct()
          .toList();

  @Override
  public String prose(Draw draw) {
    if (form == Form.ECHO) {
      List<String> names = draw.several(Lexicon.NAMES, 2);
      String words = words(draw);
      return draw.chance(0.5)
          ? names.get(0) + " says " + words + ". " + names.get(1) + " repeats " + words + "."
          : "Hear " + words + " and repeat " + words + ".";
    }
    List<Owner> owners = Owner.several(draw);
    Owner asked = draw.pick(owners);
    String end =
        switch (form) {
          case OWNER ->
              draw.chance(0.5)
                  ? "The " + asked.thing + " is with " + asked.name + "."
                  : "Who has the " + asked.thing + " is " + asked.name + ".";
          case COLOUR, ECHO ->
              draw.chance(0.5)
                  ? "The " + asked.thing + " is " + asked.colour + "."
                  : "The colour of the " + asked.thing + " is " + asked.colour + ".";
        };
    return tell(owners) + " " + end;
  }

  @Override
  public Question question(Draw draw) {
    if (form == Form.ECHO) {
      String words = words(draw);
      return new Question(name, words, "Repeat " + words + ".", words);
    }
    List<Owner> owners = Owner.several(draw);
    Owner asked = draw.pick(owners);
    String story = tell(owners);
    return switch (form) {
      case OWNER ->
          new Question(name, story, story + " Who has the " + asked.thing + "?", asked.name);
      case COLOUR, ECHO ->
          new Question(
              name, story, story + " What colour is the " + asked.thing + "?", asked.colour);
    };
  }

  private static String words(Draw draw) {
    return String.join(" ", draw.several(ECHO_WORDS, draw.between(2, 4)));
  }

  private static String tell(List<Owner> owners) {
    return owners.stream().map(Owner::tell).collect(Collectors.joining(" "));
  }

  private record Owner(String name, String colour, String thing) {
    static List<Owner> several(Draw draw) {
      int count = draw.between(2, 3);
      List<String> names = draw.several(Lexicon.NAMES, count);
      List<String> colours = draw.several(Lexicon.COLOURS, count);
      List<String> things = draw.several(Lexicon.THINGS, count);
      List<Owner> owners = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        owners.add(new Owner(names.get(i), colours.get(i), things.get(i)));
      }
      return owners;
    }

    String tell() {
      String article = colour.equals("orange") ? "an " : "a ";
      return name + " has " + article + colour + " " + thing + ".";
    }
  }
}
