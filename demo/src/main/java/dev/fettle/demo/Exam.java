package dev.fettle.demo;

import dev.fettle.demo.world.Question;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Generator;
import dev.fettle.model.SamplingOptions;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/// Asks a model questions and compares its answers, character by character.
final class Exam {
  /// The longest answer has 10 tokens; a model that goes on longer is wrong anyway.
  private static final int MAX_ANSWER_TOKENS = 14;

  private Exam() {}

  /// @param text the first line that the model wrote, up to its end-of-text token
  record Given(Question question, String text) {
    boolean correct() {
      return text.equals(question.answer());
    }
  }

  /// Greedy answers, in the order of the questions.
  static List<Given> take(CausalLm model, Tokenizer tokenizer, List<Question> questions) {
    List<Given> given = new ArrayList<>();
    int capacity = model.config().maxPositionEmbeddings();
    for (Question question : questions) {
      try (Generator generator = new Generator(model, SamplingOptions.greedy(), capacity, true)) {
        List<Integer> ids =
            generator.generate(
                tokenizer.encode(question.prompt(), true),
                MAX_ANSWER_TOKENS,
                id -> model.config().eosTokenIds().contains(id),
                id -> true);
        int[] answer = ids.stream().mapToInt(Integer::intValue).toArray();
        given.add(new Given(question, firstLine(tokenizer.decode(answer, true))));
      }
    }
    return given;
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("").strip();
  }

  /// Share of right answers, NaN if nothing was asked.
  static double accuracy(List<Given> given) {
    return given.stream().mapToDouble(g -> g.correct() ? 1 : 0).average().orElse(Double.NaN);
  }

  /// Share of right answers by topic, in the order of `topics`.
  static SequencedMap<String, Double> byTopic(List<Given> given, List<String> topics) {
    Map<String, List<Given>> groups =
        given.stream().collect(Collectors.groupingBy(g -> g.question().topic()));
    SequencedMap<String, Double> shares = new LinkedHashMap<>();
    topics.forEach(topic -> shares.put(topic, accuracy(groups.getOrDefault(topic, List.of()))));
    return shares;
  }
}
