package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Ids and labels of every kind of record, as TRL's `SFTTrainer` makes them;
/// `tools/golden/make_sft.py`.
class TrlTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/sft");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "text",
        "pairs",
        "pairs-everything",
        "pairs-packed",
        "chats-everything",
        "chats-assistant",
        "chat-pairs",
        "chat-pairs-assistant",
        "chat-pairs-everything",
        "sharegpt-everything"
      })
  void samplesAreThoseOfTrl(String name) throws IOException {
    JsonNode golden = Json.read(GOLDEN.resolve("sft.json"));
    JsonNode expected = golden.path("cases").path(name);
    int length = golden.path("max_length").asInt();
    JsonNode settings = expected.path("settings");
    StringBuilder lines = new StringBuilder();
    expected.path("rows").forEach(row -> lines.append(Json.compact(row)).append('\n'));
    Path file = Files.writeString(folder.resolve("rows.jsonl"), lines);
    LossOn loss =
        new LossOn(
            flag(settings, "completion_only_loss", null),
            flag(settings, "assistant_only_loss", false));
    try (Tokenizer tokenizer = Tokenizer.load(GOLDEN.resolve("tokenizer"))) {
      Dataset dataset =
          Dataset.load(
              file,
              tokenizer,
              ChatTemplate.load(GOLDEN.resolve("tokenizer")),
              DatasetOptions.of(length).withLoss(loss));
      compare(
          settings.path("packing").asBoolean(false) ? packed(dataset, length) : dataset,
          expected.path("samples"));
    }
  }

  private static @Nullable Boolean flag(JsonNode settings, String name, @Nullable Boolean absent) {
    return settings.has(name) ? Boolean.valueOf(settings.path(name).asBoolean()) : absent;
  }

  /// TRL takes equally long samples in the order of the file.
  private static Dataset packed(Dataset dataset, int length) {
    int[] lengths = IntStream.range(0, dataset.size()).map(dataset::length).toArray();
    int[] order = IntStream.range(0, dataset.size()).toArray();
    return new PackedDataset(dataset, BestFitDecreasing.of(lengths, order, length));
  }

  private static void compare(Dataset found, JsonNode expected) {
    List<List<Integer>> ids = new ArrayList<>();
    List<List<Integer>> labels = new ArrayList<>();
    List<List<Integer>> expectedIds = new ArrayList<>();
    List<List<Integer>> expectedLabels = new ArrayList<>();
    for (int i = 0; i < found.size(); i++) {
      ids.add(list(found.get(i).ids()));
      labels.add(list(found.get(i).labels()));
    }
    for (JsonNode sample : expected) {
      expectedIds.add(list(sample.path("input_ids")));
      List<Integer> own = list(sample.path("labels"));
      int start = 0;
      for (JsonNode part : sample.path("seq_lengths")) {
        own.set(start, Sample.IGNORE); // as TRL's collator does where position_ids is 0
        start += part.asInt();
      }
      expectedLabels.add(own);
    }
    assertThat(ids).isEqualTo(expectedIds);
    assertThat(labels).isEqualTo(expectedLabels);
  }

  private static List<Integer> list(int[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  private static List<Integer> list(JsonNode values) {
    List<Integer> list = new ArrayList<>();
    values.forEach(value -> list.add(value.asInt()));
    return list;
  }
}
