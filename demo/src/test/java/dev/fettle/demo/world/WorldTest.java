package dev.fettle.demo.world;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class WorldTest {
  private static final int SAMPLE = 500_000;

  @Test
  void theSameSeedGivesTheSameText() {
    assertThat(World.prose(7, 20_000)).isEqualTo(World.prose(7, 20_000));
    assertThat(World.prose(7, 20_000)).isNotEqualTo(World.prose(8, 20_000));
    assertThat(World.testQuestions(7, 5)).isEqualTo(World.testQuestions(7, 5));
  }

  @Test
  void everyLineIsAParagraphAndNoneUsesTheAnswerForm() {
    String prose = World.prose(1, SAMPLE);

    for (String mark : List.of("Q:", "A:", "{", "}")) {
      assertThat(prose.contains(mark)).as(mark).isFalse();
    }
    assertThat(prose.lines())
        .allSatisfy(
            line -> assertThat(line).startsWith(World.BEGIN + " ").endsWith("." + World.END));
  }

  @Test
  void noTestQuestionIsAskedInTheProseOrInTraining() {
    String prose = World.prose(1, SAMPLE);
    List<Question> training = World.trainingQuestions(3, 200);
    Set<String> texts = training.stream().map(Question::text).collect(Collectors.toSet());
    Set<String> keys = training.stream().map(Question::key).collect(Collectors.toSet());

    for (Question question : World.testQuestions(4, 20)) {
      assertThat(texts).doesNotContain(question.text());
      assertThat(keys).doesNotContain(question.key());
      assertThat(prose.contains(question.text())).as(question.text()).isFalse();
    }
  }

  @Test
  void everyTopicIsTrainedAndTested() {
    assertThat(topics(World.trainingQuestions(3, 10))).containsAll(World.topics());
    assertThat(topics(World.testQuestions(4, 10))).containsAll(World.topics());
  }

  @Test
  void oneQuestionHasOneAnswer() {
    Set<String> asked = new HashSet<>();
    for (Question question : World.trainingQuestions(3, 200)) {
      assertThat(asked.add(question.text())).as(question.text()).isTrue();
      assertThat(question.answer()).isNotBlank();
      assertThat(question.answer().strip()).isEqualTo(question.answer());
    }
  }

  @Test
  void whatTheTestAsksIsToldInTheProse() {
    // Each sentence below comes up some fifteen times in a text of this length.
    String prose = World.prose(1, 3_000_000);

    for (Question question : World.testQuestions(4, 200)) {
      if (question.topic().equals("opposites")) {
        String word = question.key().substring("opposites ".length());
        String told = "The opposite of " + word + " is " + question.answer() + ".";
        assertThat(prose.contains(told)).as(told).isTrue();
      }
    }
  }

  @Test
  void sumsAreRight() {
    for (Question question : World.testQuestions(4, 200)) {
      if (question.topic().equals("addition")) {
        String[] words = question.text().replace("?", "").split(" ");
        int sum = Integer.parseInt(words[2]) + Integer.parseInt(words[4]);
        assertThat(question.answer()).isEqualTo(String.valueOf(sum));
      }
    }
  }

  private static Set<String> topics(List<Question> questions) {
    return questions.stream().map(Question::topic).collect(Collectors.toSet());
  }
}
