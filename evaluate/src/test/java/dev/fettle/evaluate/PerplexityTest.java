package dev.fettle.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.Json;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Perplexity against the same computation in PyTorch.
class PerplexityTest {
  /// The reference's own float32 and float64 results differ by 1e-5 at a perplexity of 100.
  private static final double PERPLEXITY = 1e-4;

  private static final Path FINETUNE = Path.of("../finetune/src/test/resources/golden");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "float stride 256",
        "float stride 128",
        "nf4 stride 256",
        "nf4 stride 128",
        "float+lora-init stride 256",
        "nf4+lora-init stride 128"
      })
  void equalsPyTorch(String run) {
    ObjectNode golden = Json.read(Path.of("src/test/resources/golden/perplexity.json"));
    JsonNode expected = golden.path("results").path(run);
    String name = expected.path("model").asString();
    Path folder = name.startsWith("nf4") ? FINETUNE.resolve("base-nf4") : stories260K();
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults())) {
      if (name.endsWith("lora-init")) {
        try (AdapterFolder adapter = AdapterFolder.open(FINETUNE.resolve("lora-init"))) {
          LoraAdapter.attach(model, adapter);
        }
      }
      Perplexity.Result found =
          Perplexity.of(
              model,
              ids(golden),
              new Perplexity.Options(256, expected.path("stride").asInt(), 0),
              (done, total) -> {});
      assertThat(found.tokens()).isEqualTo(expected.path("tokens").asLong());
      assertThat(found.windows()).isEqualTo(expected.path("windows").asInt());
      assertThat(found.perplexity())
          .isCloseTo(expected.path("perplexity").asDouble(), offset(PERPLEXITY * 2));
      assertThat(found.meanLoss())
          .isCloseTo(expected.path("mean_loss").asDouble(), offset(PERPLEXITY / 100));
    }
  }

  @Test
  void refusesWindowsLongerThanTheModel() {
    try (CausalLm model = CausalLm.load(stories260K(), LoadOptions.defaults())) {
      assertThatThrownBy(() ->
              Perplexity.of(model, new int[600], new Perplexity.Options(513, 513, 0), (d, t) -> {}))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("512");
    }
  }

  private static int[] ids(ObjectNode golden) {
    return StreamSupport.stream(golden.path("ids").spliterator(), false)
        .mapToInt(JsonNode::asInt)
        .toArray();
  }

  private static Path stories260K() {
    Path folder = Path.of(System.getProperty("fettle.shared", "../shared"), "assets/stories260K");
    Assumptions.assumeTrue(Files.isDirectory(folder), "needs " + folder);
    return folder;
  }
}
