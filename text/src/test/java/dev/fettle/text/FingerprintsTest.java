package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import dev.fettle.text.records.TrainingRecord;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class FingerprintsTest {
  private static TrainingRecord chat(int promptTurns, String... messages) {
    List<ObjectNode> list =
        List.of(messages).stream()
            .map(message -> (ObjectNode) JsonMapper.shared().readTree(message))
            .toList();
    return new TrainingRecord.Conversation(list, promptTurns, Json.object());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"role\": \"assistant\", \"content\": \"b\", \"reasoning_content\": \"c\"}",
        "{\"role\": \"assistant\", \"content\": \"b\", \"thinking\": \"c\"}",
        "{\"role\": \"assistant\", \"content\": \"b\", \"weight\": 0}",
        "{\"role\": \"assistant\", \"content\": \"b\", \"training\": false}",
        "{\"role\": \"assistant\", \"content\": \"b\", \"training\": \"false\"}",
        "{\"role\": \"assistant\", \"content\": \"b\", \"tool_calls\": [1]}"
      })
  void everyKeyTells(String other) {
    Fingerprints seen = new Fingerprints();
    assertThat(seen.add(chat(0, "{\"role\": \"assistant\", \"content\": \"b\"}"))).isTrue();
    assertThat(seen.add(chat(0, other))).isTrue();
    assertThat(seen.add(chat(0, other))).isFalse();
  }

  @Test
  void theSplitTells() {
    String[] turns = {
      "{\"role\": \"user\", \"content\": \"a\"}", "{\"role\": \"assistant\", \"content\": \"b\"}"
    };
    Fingerprints seen = new Fingerprints();
    assertThat(seen.add(chat(0, turns))).isTrue();
    assertThat(seen.add(chat(1, turns))).isTrue();
    assertThat(seen.add(chat(1, turns))).isFalse();
  }

  @Test
  void theOrderOfKeysAndWhiteSpaceDoNot() {
    Fingerprints seen = new Fingerprints();
    assertThat(seen.add(chat(0, "{\"role\": \"user\", \"content\": \"a  b\"}"))).isTrue();
    assertThat(seen.add(chat(0, "{\"content\": \" a b\", \"role\": \"user\"}"))).isFalse();
  }
}
