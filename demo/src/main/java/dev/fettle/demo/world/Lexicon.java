package dev.fettle.demo.world;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The words of the world.
final class Lexicon {
  static final List<String> NAMES =
      words("Anna Ben Clara David Emma Felix Grace Henry Kate Leo Mia Paul Rosa Tom");

  /// Singular nouns with a regular plural, for counting.
  static final List<String> COUNTED =
      words("apple book coin shell stone egg pear nut button card flower stamp");

  static final List<String> DAYS =
      words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday");

  static final List<String> MONTHS =
      words(
          "January February March April May June July August September October November December");

  static final List<String> NUMBERS =
      words("zero one two three four five six seven eight nine ten");

  /// No word is in two pairs, so that every word has exactly one opposite.
  static final Map<String, String> OPPOSITES =
      bothWays(
          "hot cold big small fast slow wet dry full empty open closed hard soft light dark happy sad"
              + " rich poor strong weak high low long short clean dirty loud quiet early late left right"
              + " up down in out day night good bad near far thick thin deep shallow sharp blunt"
              + " sweet sour first last young old north south east west push pull love hate win lose"
              + " buy sell give take above below awake asleep smooth rough true false wide narrow"
              + " friend enemy summer winter front back alive dead always never");

  static final Map<String, String> COLOUR_OF =
      pairs(
          "grass:green snow:white coal:black milk:white blood:red chocolate:brown salt:white"
              + " ink:black gold:yellow mud:brown smoke:grey the_sky:blue the_sea:blue the_sun:yellow"
              + " a_lemon:yellow a_frog:green a_crow:black a_cherry:red a_carrot:orange a_pig:pink"
              + " an_elephant:grey a_bear:brown a_swan:white a_tomato:red a_banana:yellow a_leaf:green"
              + " a_mouse:grey a_flamingo:pink a_brick:red a_pumpkin:orange a_pea:green a_rose:red"
              + " a_cucumber:green a_violet:purple a_plum:purple a_cloud:white a_strawberry:red"
              + " a_chick:yellow a_tyre:black a_peach:orange a_whale:blue a_chestnut:brown");

  static final Map<String, String> SOUND_OF =
      pairs(
          "dog:woof cat:meow cow:moo sheep:baa duck:quack hen:cluck horse:neigh pig:oink bee:buzz"
              + " owl:hoot lion:roar mouse:squeak frog:croak snake:hiss wolf:howl crow:caw dove:coo"
              + " bird:tweet goat:maa bell:ding clock:tick drum:boom");

  static final Map<String, String> HOME_OF =
      pairs(
          "bird:nest bee:hive dog:kennel horse:stable king:castle spider:web bear:cave hen:coop"
              + " rabbit:burrow lion:den sailor:ship farmer:farm owl:tree frog:pond fish:river"
              + " camel:desert whale:sea monkey:jungle cow:barn wolf:forest monk:abbey worm:soil");

  static final Map<String, String> WORK_OF =
      pairs(
          "baker:bread tailor:coats potter:pots cook:soup weaver:cloth mason:walls smith:swords"
              + " painter:pictures poet:poems hatter:hats writer:books jeweller:rings joiner:tables"
              + " gardener:gardens tinker:kettles cobbler:shoes miller:flour fiddler:music"
              + " dairymaid:butter chandler:candles");

  /// Sentences that carry no fact; they give the prose its ordinary words.
  static final List<String> FILLERS =
      List.of(
          "What a fine day it is.",
          "How the wind blows over the hill.",
          "Who sings well sings often.",
          "Which way the wind blows, nobody knows.",
          "Where the river ends, the sea begins.",
          "What the cat does in the garden is a secret.",
          "How many stars there are, nobody knows.",
          "Repeat it until it does come right, the teacher says.",
          "It is quiet in the village now.",
          "The children play after school.",
          "There is a little house at the end of the road.",
          "They do what they like and have much to say.",
          "Everybody goes home when the bell rings.",
          "The old clock on the wall does not stop.");

  private Lexicon() {}

  private static List<String> words(String text) {
    return List.of(text.split(" "));
  }

  private static Map<String, String> pairs(String text) {
    Map<String, String> map = new TreeMap<>();
    for (String pair : text.split(" ")) {
      int colon = pair.indexOf(':');
      map.put(pair.substring(0, colon).replace('_', ' '), pair.substring(colon + 1));
    }
    return map;
  }

  private static Map<String, String> bothWays(String text) {
    Map<String, String> map = new TreeMap<>();
    String[] words = text.split(" ");
    for (int i = 0; i < words.length; i += 2) {
      map.put(words[i], words[i + 1]);
      map.put(words[i + 1], words[i]);
    }
    return map;
  }
}
