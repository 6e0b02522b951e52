package dev.fettle.demo.world;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Everything the embedded model ever reads. The prose tells facts and short stories; where
/// somebody asks in it, the answer is a sentence. Fine-tuning asks in another form and wants the
/// bare answer, so it teaches a form and not the knowledge. The test asks about keys (number pairs,
/// words, days) that the prose only tells, and that no question in the prose or in fine-tuning
/// touches.
public final class World {
  private static final List<Topic> TOPICS =
      Stream.concat(
              Arithmetic.ALL.stream(),
              Stream.of(
                  Facts.OPPOSITES,
                  Facts.COLOURS,
                  Facts.SOUNDS,
                  Facts.HOMES,
                  Facts.TRADES,
                  new Sequences("what comes next", 10)))
          .toList();

  /// One topic index per unit of weight, so that a uniform pick follows the weights.
  private static final List<Integer> WEIGHTED =
      IntStream.range(0, TOPICS.size())
          .boxed()
          .flatMap(i -> Stream.generate(() -> i).limit(TOPICS.get(i).weight()))
          .toList();

  private static final double FILLER_SHARE = 0.03;

  /// Share of the tellings that are questions with their answers, never about what the test asks.
  private static final double ASKED_SHARE = 0.25;

  /// Every paragraph stands between these two, so that the base model begins and ends its texts as
  /// a fine-tuned one begins a prompt and ends an answer.
  public static final String BEGIN = "<|begin|>";

  public static final String END = "<|end|>";

  private World() {}

  /// @return the names of the topics, in report order
  public static List<String> topics() {
    return TOPICS.stream().map(Topic::name).toList();
  }

  /// Prose for pre-training or, with another seed, for measuring perplexity: one paragraph per
  /// line, each of one to four tellings. Every sentence follows a space, so that a word is the same
  /// token wherever it stands.
  ///
  /// @param characters the text ends with the first paragraph that reaches this length
  public static String prose(long seed, int characters) {
    Draw draw = new Draw(seed);
    StringBuilder text = new StringBuilder(characters + 400);
    while (text.length() < characters) {
      text.append(BEGIN).append(' ');
      int tellings = draw.between(1, 4);
      for (int i = 0; i < tellings; i++) {
        if (i > 0) {
          text.append(' ');
        }
        text.append(telling(draw));
      }
      text.append(END).append('\n');
    }
    return text.toString();
  }

  private static String telling(Draw draw) {
    if (draw.chance(FILLER_SHARE)) {
      return draw.pick(Lexicon.FILLERS);
    }
    Topic topic = TOPICS.get(draw.pick(WEIGHTED));
    if (draw.chance(ASKED_SHARE)) {
      Question question = topic.question(draw);
      if (!isTest(question.key())) {
        return draw.pick(Lexicon.NAMES)
            + " asks: "
            + question.text()
            + " "
            + Topic.reply(draw, question.answer());
      }
    }
    return topic.prose(draw);
  }

  /// Different questions for fine-tuning, the topics in equal shares, shuffled.
  public static List<Question> trainingQuestions(long seed, int perTopic) {
    return questions(seed, perTopic, false);
  }

  /// Different questions for the test; none shares its key with a fine-tuning question of any seed.
  public static List<Question> testQuestions(long seed, int perTopic) {
    return questions(seed, perTopic, true);
  }

  private static List<Question> questions(long seed, int perTopic, boolean test) {
    Draw draw = new Draw(seed);
    List<Question> all = new ArrayList<>();
    for (Topic topic : TOPICS) {
      Set<String> seen = new HashSet<>();
      // Some topics hold fewer different questions than asked for: then take what there is.
      for (int tries = 0; seen.size() < perTopic && tries < 50 * perTopic; tries++) {
        Question question = topic.question(draw);
        if (isTest(question.key()) == test && seen.add(question.text())) {
          all.add(question);
        }
      }
    }
    draw.shuffle(all);
    return all;
  }

  /// A fixed quarter of all keys belongs to the test. String hash codes are specified by Java; the
  /// multiplication (Knuth's) spreads neighbouring keys.
  static boolean isTest(String key) {
    return (key.hashCode() * 0x9E3779B1) >>> 30 == 0;
  }
}
