package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CompanionFile;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MergeTest {
  /// Logits of the merged model against base + adapter in float32: the same sums in another order,
  /// on logits of up to 20.
  private static final double LOGITS = 1e-4;

  private static final int[][] IDS = {{1, 403, 407, 261, 378, 300, 40, 77, 290, 12, 500, 9}};

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"float", "nf4"})
  void logitsAreThoseOfBaseAndAdapter(String base) {
    Path model = base.equals("nf4") ? Golden.baseNf4() : Golden.stories260K();
    Merge.MergeReport report = merge(model, Golden.adapter(), "merged", null, false);
    assertThat(report.mergedLayers()).isEqualTo(35);
    assertThat(report.output()).isEqualTo(folder.resolve("merged"));
    float[] expected = withAdapter(model, Golden.adapter());
    float[] found = Golden.logits(report.output(), IDS);
    assertThat(Golden.maxDifference(found, expected)).isLessThan(LOGITS);
    assertThat(Golden.maxDifference(found, Golden.logits(model, IDS))).isGreaterThan(0.1);
    try (Checkpoint written = Checkpoint.open(report.output());
        Checkpoint original = Checkpoint.open(model)) {
      assertThat(written.quantizationConfig()).isNull();
      assertThat(written.config().tieWordEmbeddings()).isTrue();
      assertThat(written.infos()).doesNotContainKey("lm_head.weight").hasSize(47);
      assertThat(written.infos().values()).extracting(TensorInfo::dtype).containsOnly(DType.F32);
      assertThat(written.companions().stream().map(CompanionFile::name))
          .containsExactlyElementsOf(
              original.companions().stream().map(CompanionFile::name).toList());
      for (String name : List.of("model.embed_tokens.weight", "model.norm.weight")) {
        assertThat(written.tensor(name).data().mismatch(original.tensor(name).data()))
            .isEqualTo(-1);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"BF16, bfloat16", "F16, float16"})
  void writesTheAskedDtype(DType dtype, String name) {
    Merge.run(
        Golden.baseNf4(),
        Golden.adapter(),
        folder.resolve("merged"),
        dtype,
        false,
        (index, total, tensor) -> {});
    try (Checkpoint written = Checkpoint.open(folder.resolve("merged"))) {
      assertThat(written.infos().values()).extracting(TensorInfo::dtype).containsOnly(dtype);
      assertThat(written.config().torchDtype()).isEqualTo(dtype);
      assertThat(written.configJson().toString()).contains("\"" + name + "\"");
    }
    // Half precision keeps the model what it is: 8 bits of a weight are lost at most.
    float[] expected = withAdapter(Golden.baseNf4(), Golden.adapter());
    try (CausalLm merged =
        CausalLm.load(
            folder.resolve("merged"), LoadOptions.defaults().withComputeDtype(DType.F32))) {
      assertThat(Golden.maxDifference(Golden.logits(merged, IDS), expected))
          .isBetween(1e-6, dtype == DType.BF16 ? 0.5 : 0.06);
    }
  }

  /// `(W + U) − U` with the sum rounded to float32: the rounding error of the sum is at most half
  /// an ulp of `W + U`. Where `W + U` is no larger than `W`'s power of two, that is at most half an
  /// ulp of `W` and is rounded away (but for ties); where it is larger, the last bits are lost.
  @Test
  void unmergeGivesTheBaseBack() {
    Path model = Golden.stories260K();
    merge(model, Golden.adapter(), "merged", null, false);
    merge(folder.resolve("merged"), Golden.adapter(), "back", null, true);
    long total = 0;
    long same = 0;
    double worst = 0;
    try (Checkpoint base = Checkpoint.open(model);
        Checkpoint merged = Checkpoint.open(folder.resolve("merged"));
        Checkpoint back = Checkpoint.open(folder.resolve("back"))) {
      assertThat(back.infos()).isEqualTo(base.infos());
      for (String name : base.infos().keySet()) {
        float[] before = base.tensor(name).toFloats();
        float[] between = merged.tensor(name).toFloats();
        float[] after = back.tensor(name).toFloats();
        if (!name.endsWith("_proj.weight")) {
          assertThat(after).as(name).isEqualTo(before);
          continue;
        }
        for (int i = 0; i < before.length; i++) {
          total++;
          same += before[i] == after[i] ? 1 : 0;
          double error = Math.abs((double) after[i] - before[i]);
          worst = Math.max(worst, error / Math.max(Math.ulp(before[i]), Math.ulp(between[i])));
        }
      }
    }
    assertThat(worst).as("ulps of the larger of weight and merged weight").isLessThanOrEqualTo(1);
    // 0.9431 with this adapter, whose update is about a tenth of the weights.
    assertThat((double) same / total).as("weights that come back to the bit").isBetween(0.94, 0.95);
  }

  @Test
  void nothingIsLeftWhenItFails() throws IOException {
    Path output = folder.resolve("merged");
    assertThatThrownBy(() ->
            Merge.run(
                Golden.baseNf4(),
                Golden.adapter(),
                output,
                null,
                false,
                (index, total, name) -> {
                  if (index == total / 2) {
                    throw new IllegalStateException("pulled the plug");
                  }
                }))
        .hasMessage("pulled the plug");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).isEmpty();
    }

    assertThatThrownBy(
            () -> merge(Golden.baseNf4(), Golden.peftAdapter("dora"), "merged", null, false))
        .isInstanceOf(UserException.class);
    assertThat(output).doesNotExist();

    Files.createDirectories(output);
    Files.writeString(output.resolve("mine.txt"), "mine");
    assertThatThrownBy(() -> merge(Golden.baseNf4(), Golden.adapter(), "merged", null, false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("not empty");
    assertThat(output.resolve("mine.txt")).hasContent("mine");
  }

  private Merge.MergeReport merge(
      Path model, Path adapter, String output, @Nullable DType dtype, boolean unmerge) {
    return Merge.run(
        model, adapter, folder.resolve(output), dtype, unmerge, (index, total, name) -> {});
  }

  private static float[] withAdapter(Path base, Path adapter) {
    try (CausalLm model = CausalLm.load(base, LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(adapter);
        LoraAdapter attached = LoraAdapter.attach(model, stored)) {
      assertThat(attached.targets()).isNotEmpty();
      return Golden.logits(model, IDS);
    }
  }
}
