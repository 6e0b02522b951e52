package dev.fettle.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.engine.Scope;
import dev.fettle.evaluate.Evaluation.Candidate;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
  /// Sums of a few hundred float32 numbers in another order.
  private static final double ROUNDING = 1e-5;

  private static final int LENGTH = 48;

  private static final Path SHARED = Path.of(System.getProperty("fettle.shared", "../../shared"));
  private static final Path MODEL = SHARED.resolve("assets/stories260K");

  @TempDir Path folder = Path.of("");

  private Path text = Path.of("");

  @BeforeEach
  void needsTheModel() throws IOException {
    Assumptions.assumeTrue(Files.isDirectory(MODEL), () -> MODEL + " is absent");
    text =
        Files.writeString(
            folder.resolve("text.txt"),
            "Once upon a time there was a little girl named Lily. She loved to play outside in the park. "
                .repeat(20));
  }

  @Test
  void fewerBitsDivergeMoreAndTheReferenceNotAtAll() {
    Path int8 = quantized("int8:sym:channel");
    Path int3 = quantized("int3:sym:channel");
    List<Comparison.Row> rows = compare(List.of(MODEL, int8, int3));

    Comparison.Row reference = rows.get(0);
    assertThat(reference.kl().mean()).isZero();
    assertThat(reference.kl().sameTop()).isOne();
    assertThat(reference.blocks()).isEmpty();
    assertThat(reference.bitsPerWeight()).isEqualTo(32);
    assertThat(rows.get(1).kl().mean()).isPositive().isLessThan(rows.get(2).kl().mean());
    assertThat(rows.get(1).kl().sameTop()).isGreaterThanOrEqualTo(rows.get(2).kl().sameTop());
    assertThat(rows.get(1).bitsPerWeight()).isBetween(8.0, 32.0);
    for (Comparison.Row row : rows.subList(1, 3)) {
      KlDistribution kl = row.kl();
      assertThat(kl.median()).isLessThanOrEqualTo(kl.p99());
      assertThat(kl.p99()).isLessThanOrEqualTo(kl.max());
      assertThat(kl.histogram().stream().mapToLong(Long::longValue).sum())
          .isEqualTo(kl.positions());
      assertThat(row.blocks()).hasSize(5);
      assertThat(row.blocks().getFirst().relativeError()).isBetween(1e-7, 1.0);
      assertThat(row.blocks().getFirst().cosine()).isBetween(0.5, 1.0);
      assertThat(row.tokensPerSecond()).isPositive();
    }
    assertThat(rows.get(1).blocks().get(2).sqnrDb())
        .isGreaterThan(rows.get(2).blocks().get(2).sqnrDb());
  }

  /// The two numbers that other classes measure by themselves.
  @Test
  void lossAndDivergenceAreThoseOfPerplexityAndKlDivergence() {
    Path int4 = quantized("int4:sym:channel");
    Comparison.Row row = compare(List.of(MODEL, int4)).get(1);
    Evaluation.Row alone =
        Evaluation.run(
                List.of(new Candidate(int4, null)),
                text,
                new Perplexity.Options(LENGTH, LENGTH, 5 * LENGTH),
                null,
                (_, _, _) -> {})
            .getFirst();
    assertThat(row.tokens()).isEqualTo(alone.result().tokens());
    assertThat(row.meanLoss()).isCloseTo(alone.result().meanLoss(), within(ROUNDING));
    try (CausalLm reference = CausalLm.load(MODEL, LoadOptions.defaults());
        CausalLm model = CausalLm.load(int4, LoadOptions.defaults());
        Tokenizer tokenizer = Tokenizer.load(MODEL)) {
      int[] ids = tokenizer.encode(read(), true);
      assertThat(ids).hasSizeGreaterThan(5 * LENGTH);
      int[] used = Arrays.copyOf(ids, 5 * LENGTH);
      assertThat(row.kl().mean())
          .isCloseTo(KlDivergence.of(reference, model, used, LENGTH), within(ROUNDING));
    }
  }

  @Test
  void theOutputsOfTheBlocksEndInTheHiddenState() {
    try (CausalLm model = CausalLm.load(MODEL, LoadOptions.defaults());
        Scope scope = Scope.open()) {
      int[][] ids = {{1, 5, 9, 13}};
      int[] blocks = {0};
      float[] told =
          model
              .logits(
                  model.hidden(
                      ids,
                      (index, output) -> {
                        assertThat(index).isEqualTo(blocks[0]++);
                        assertThat(output.shape().toArray()).containsExactly(4, 64);
                      }))
              .toFloats();
      assertThat(blocks[0]).isEqualTo(5);
      assertThat(told).isEqualTo(model.logits(ids).toFloats());
    }
  }

  @Test
  void quantilesAreNearestRanks() {
    KlDistribution.Collector collector = new KlDistribution.Collector();
    for (int i = 1; i <= 200; i++) {
      collector.add(i / 100f, i % 4 != 0);
    }
    KlDistribution kl = collector.distribution();
    assertThat(kl.median()).isEqualTo(1f);
    assertThat(kl.p99()).isEqualTo(1.98f);
    assertThat(kl.max()).isEqualTo(2f);
    assertThat(kl.sameTop()).isEqualTo(0.75);
    assertThat(kl.mean()).isCloseTo(1.005, within(ROUNDING));
    assertThat(kl.histogram().get(32)).isEqualTo(78); // from 1 to 10^0.25 = 1.778
  }

  @Test
  void oneModelOrAnotherShapeIsRefused() {
    assertThatThrownBy(() -> compare(List.of(MODEL)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("two models or more");
    assertThatThrownBy(() ->
            Comparison.run(
                List.of(new Candidate(MODEL, null), new Candidate(MODEL, null)),
                text,
                4096,
                0,
                null,
                (_, _, _) -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("512 positions");
  }

  @Test
  void aModelThatPredictsNanIsNamed() throws IOException {
    Path broken = Files.createDirectory(folder.resolve("broken"));
    for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
      Files.copy(MODEL.resolve(name), broken.resolve(name));
    }
    Path weights = broken.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] = 0x7F; // the last weight, float32
    bytes[bytes.length - 2] = (byte) 0xFF;
    Files.write(weights, bytes);
    assertThatThrownBy(() -> compare(List.of(MODEL, broken)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(broken.toString())
        .hasMessageContaining("predicts NaN");
  }

  private List<Comparison.Row> compare(List<Path> models) {
    return Comparison.run(
        models.stream().map(model -> new Candidate(model, null)).toList(),
        text,
        LENGTH,
        5 * LENGTH,
        null,
        (_, _, _) -> {});
  }

  private Path quantized(String scheme) {
    Path output = folder.resolve(scheme.replace(':', '-').replace('=', '-'));
    CheckpointQuantizer.quantize(MODEL, output, QuantizeOptions.of(Scheme.parse(scheme)), _ -> {});
    return output;
  }

  private String read() {
    try {
      return Files.readString(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
