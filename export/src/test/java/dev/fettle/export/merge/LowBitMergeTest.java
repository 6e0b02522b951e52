package dev.fettle.export.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.evaluate.KlDistribution;
import dev.fettle.export.SmallAdapter;
import dev.fettle.export.SmallModel;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LowBitMergeTest {
  /// Rounding base plus change to float32 loses 2^-24 of the sum, which is some hundred times the
  /// change.
  private static final double FLOAT32_LOSS = 1e-4;

  /// Logits of the same sums in another order differ by some 1e-6, of which the divergence is a
  /// quadratic form; rounding of log-probabilities near 3.5 adds 1e-7.
  private static final double SAME_SUMS = 1e-6;

  @TempDir Path root;
  private Path original = Path.of("");
  private Path base = Path.of("");
  private Path adapter = Path.of("");
  private Path text = Path.of("");

  @BeforeEach
  void makeModels() throws IOException {
    original = SmallModel.write(root.resolve("original"), DType.F32);
    base = root.resolve("base");
    CheckpointQuantizer.quantize(
        original, base, QuantizeOptions.of(Scheme.parse("int4:sym:group=32")), tensor -> {});
    adapter = SmallAdapter.write(root.resolve("adapter"), original, 0.05);
    text = SmallModel.text(root.resolve("text.txt"), 200);
  }

  @Test
  void theDequantizedBaseKeepsWhatWasLearned() {
    LowBitMerge.Result result = run(new MergeTarget.Dequantized(null));
    assertThat(result.chosen().layers()).hasSize(14);
    assertThat(result.chosen().lost()).isLessThan(FLOAT32_LOSS);
    assertThat(kl(result.chosen())).isLessThan(SAME_SUMS);
  }

  @Test
  void sixteenBitsLoseALittleAndFourBitsALot() {
    double half = run(new MergeTarget.Dequantized(DType.BF16)).chosen().lost();
    delete();
    double int8 =
        run(new MergeTarget.Requantized(Scheme.parse("int8:sym:channel"))).chosen().lost();
    delete();
    double int4 = run(new MergeTarget.Requantized(null)).chosen().lost();
    assertThat(half).isBetween(1e-3, 0.1);
    assertThat(int8).isGreaterThan(half);
    assertThat(int4).isGreaterThan(5 * int8);
  }

  @Test
  void theOwnGridIsThatOfTheBase() {
    run(new MergeTarget.Requantized(null));
    try (UnpackedCheckpoint merged = UnpackedCheckpoint.open(root.resolve("merged"))) {
      var packed = merged.packed("model.layers.0.mlp.up_proj.weight");
      assertThat(packed).isNotNull();
      assertThat(String.valueOf(packed == null ? null : packed.scheme()))
          .isEqualTo("int4:sym:group=32");
    }
  }

  @Test
  void lostIsCountedFromTheWeightsTheAdapterWasTrainedOn() {
    LowBitMerge.Result result = run(new MergeTarget.Original(original, null));
    DeltaSurvival first = result.chosen().layers().getFirst();
    assertThat(first.name()).isEqualTo("model.layers.0.self_attn.q_proj.weight");
    // the original differs from the quantized base by the error of four bits
    assertThat(first.lost()).isBetween(0.05, 5.0);
    assertThat(first.delta()).isPositive();
    assertThat(first.error()).isEqualTo(first.lost() * first.delta());
  }

  @Test
  void autoKeepsTheNearestThatFits() throws IOException {
    List<MergeTarget> all =
        List.of(
            new MergeTarget.Original(original, null),
            new MergeTarget.Dequantized(null),
            new MergeTarget.Requantized(null));
    LowBitMerge.Result any = run(all, Long.MAX_VALUE);
    assertThat(any.chosen().target()).isEqualTo(all.get(1));
    assertThat(any.reason()).startsWith("Of 3 it predicts most nearly");
    assertThat(any.candidates()).hasSize(3);
    delete();
    long limit = any.candidates().getLast().bytes();
    LowBitMerge.Result small = run(all, limit);
    assertThat(small.chosen().target()).isEqualTo(all.get(2));
    assertThat(small.reason()).isEqualTo("Of 3 it is the only one that fits.");
    delete();
    assertThatThrownBy(() -> run(all, 1000))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("fits in 1000 bytes")
        .hasMessageContaining(Long.toString(limit));
    try (Stream<Path> left = Files.list(root)) {
      assertThat(left.map(Path::getFileName).map(Path::toString))
          .containsExactlyInAnyOrder("original", "base", "adapter", "text.txt");
    }
  }

  private LowBitMerge.Result run(MergeTarget target) {
    return run(List.of(target), Long.MAX_VALUE);
  }

  private LowBitMerge.Result run(List<MergeTarget> targets, long maxBytes) {
    return LowBitMerge.run(
        new LowBitMerge.Request(
            base,
            adapter,
            root.resolve("merged"),
            new LowBitMerge.MeasuringText(text, 32, 0),
            maxBytes),
        targets,
        new LowBitMerge.Listener() {
          @Override
          public void tensor(MergeTarget target, String name, int done, int count) {}

          @Override
          public void windows(MergeTarget target, int done, int count) {}
        });
  }

  private void delete() {
    AtomicFolder.delete(root.resolve("merged"));
  }

  private static double kl(MergeCandidate candidate) {
    @Nullable KlDistribution kl = candidate.kl();
    return kl == null ? Double.NaN : kl.mean();
  }
}
