package dev.fettle.calibrate.block;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.BlockRunner;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Linear;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.LoadedBlock;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Scales folded into the norms and layers of every family, with nothing rounded to a grid: the
/// logits must stay.
class FoldedFamiliesTest {
  private static final Path FAMILIES = Path.of("../model/src/test/resources/golden/families");

  /// Of the largest logit: float32 rounding of the scaled weights, over few layers.
  private static final double ROUNDING = 2e-5;

  private static final int[] IDS = new Random(9).ints(12, 0, 60).toArray();
  private static final LoadOptions FLOAT32 = LoadOptions.defaults().withComputeDtype(DType.F32);

  private final Random random = new Random(4);

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-bias",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "gemma3",
        "phi3",
        "phi3-partial",
        "phi3-window",
        "smollm3",
        "granite-bias"
      })
  void scalesWithoutRoundingLeaveTheLogits(String family) throws IOException {
    Path model = FAMILIES.resolve(family);
    Map<String, HostTensor> changed = new HashMap<>();
    Set<InputGroup.Kind> folded = EnumSet.noneOf(InputGroup.Kind.class);
    try (BlockRunner runner = BlockRunner.open(model, FLOAT32);
        Arena arena = Arena.ofShared();
        Scope scope = Scope.open()) {
      Tensor hidden = runner.embed(new int[][] {IDS});
      for (int layer = 0; layer < runner.config().numHiddenLayers(); layer++) {
        try (LoadedBlock block = runner.load(layer)) {
          BlockData data =
              new BlockData(
                  block,
                  runner.checkpoint(),
                  Map.of(),
                  null,
                  arena,
                  () -> block.run(hidden, 1, IDS.length).close(),
                  BlockListener.none());
          fold(data, folded, changed);
        }
      }
      Path output = folder.resolve(family);
      write(runner.checkpoint(), changed, output);
      assertThat(folded)
          .contains(
              InputGroup.Kind.ATTENTION,
              InputGroup.Kind.FEED_FORWARD,
              InputGroup.Kind.FEED_FORWARD_OUTPUT);
      assertThat(folded.contains(InputGroup.Kind.ATTENTION_OUTPUT))
          .as("values that no two heads share")
          .isEqualTo(runner.config().numKeyValueHeads() == runner.config().numAttentionHeads());
      float[] before = logits(model);
      float[] after = logits(output);
      assertThat(largestDifference(before, after))
          .isLessThan(ROUNDING * largestDifference(before, new float[before.length]));
    }
  }

  /// Folds random scales into everything they can go into.
  private void fold(BlockData data, Set<InputGroup.Kind> folded, Map<String, HostTensor> changed) {
    SequencedMap<InputGroup, InputMoments> moments = data.observe(data.groups());
    FoldedBlock block = new FoldedBlock(data, moments);
    for (InputGroup group : data.groups()) {
      float[] scales = new float[(int) group.features()];
      for (int j = 0; j < scales.length; j++) {
        scales[j] = (float) Math.exp(random.nextGaussian());
      }
      @Nullable Producer before = Producer.of(data, group);
      boolean behindNorm =
          switch (group.kind()) {
            case ATTENTION, FEED_FORWARD -> true;
            case ATTENTION_OUTPUT, FEED_FORWARD_OUTPUT -> false;
          };
      if (behindNorm) {
        block.intoNorm(group, scales);
      } else if (before != null) {
        block.intoLinear(before, group, scales);
      } else {
        continue;
      }
      folded.add(group.kind());
    }
    changed.putAll(block.changed());
    for (Linear linear : data.block().linears().values()) {
      changed.put(linear.path() + ".weight", block.weight(linear));
    }
    moments.values().forEach(InputMoments::close);
  }

  private static void write(Checkpoint source, Map<String, HostTensor> changed, Path output)
      throws IOException {
    List<TensorInfo> plan = List.copyOf(source.infos().values());
    try (CheckpointWriter writer =
        CheckpointWriter.create(output, source.configJson(), plan, List.of())) {
      for (TensorInfo info : plan) {
        writer.write(info.name(), changed.getOrDefault(info.name(), source.tensor(info.name())));
      }
      writer.commit();
    }
  }

  private static float[] logits(Path model) {
    try (CausalLm loaded = CausalLm.load(model, FLOAT32);
        Scope scope = Scope.open()) {
      return loaded.logits(new int[][] {IDS}).toFloats();
    }
  }

  private static double largestDifference(float[] a, float[] b) {
    double most = 0;
    for (int i = 0; i < a.length; i++) {
      most = Math.max(most, Math.abs(a[i] - b[i]));
    }
    return most;
  }
}
