package dev.fettle.calibrate.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.calibrate.CalibrationText;
import dev.fettle.calibrate.Comparison;
import dev.fettle.calibrate.OutlierModel;
import dev.fettle.calibrate.adaround.AdaRound;
import dev.fettle.calibrate.adaround.AdaRoundOptions;
import dev.fettle.calibrate.awq.Awq;
import dev.fettle.calibrate.awq.AwqOptions;
import dev.fettle.calibrate.gptq.Gptq;
import dev.fettle.calibrate.gptq.GptqOptions;
import dev.fettle.calibrate.smoothquant.SmoothQuant;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.FileHash;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockwiseQuantizerTest {
  private static final CalibrationText TEXT = Comparison.text(32);

  @TempDir Path folder;

  private static BlockAlgorithm gptq() {
    GptqOptions options = GptqOptions.defaults();
    return new SequentialAlgorithm("gptq " + options, new Gptq(options));
  }

  private static BlockAlgorithm adaRound(int iterations) {
    AdaRoundOptions options = AdaRoundOptions.defaults().withIterations(iterations);
    return new SequentialAlgorithm("adaround " + options, new AdaRound(options));
  }

  private BlockwiseReport run(
      Path model, String scheme, BlockAlgorithm algorithm, String output, boolean resume) {
    return run(model, scheme, algorithm, output, resume, BlockListener.none());
  }

  private BlockwiseReport run(
      Path model,
      String scheme,
      BlockAlgorithm algorithm,
      String output,
      boolean resume,
      BlockListener listener) {
    return BlockwiseQuantizer.run(
        new BlockwiseQuantizer.Request(
            model,
            folder.resolve(output),
            TEXT,
            QuantizeOptions.of(Scheme.parse(scheme)),
            null,
            resume),
        algorithm,
        listener);
  }

  /// GPTQ minimises the error of the outputs (arXiv:2210.17323, section 4).
  @ParameterizedTest
  @ValueSource(strings = {"int4:asym:group=128", "int3:asym:group=64"})
  void gptqBeatsRoundToNearest(String scheme) throws IOException {
    BlockwiseReport report = run(Comparison.embeddedModel(), scheme, gptq(), "other", false);
    assertThat(report.fallbacks()).isEmpty();
    assertThat(report.layers()).hasSize(28);
    assertThat(report.layers())
        .allSatisfy(layer -> assertThat(layer.outputError()).isLessThan(layer.nearestError()));
    assertThat(dividedByNearest(scheme)).isLessThan(0.6);
  }

  /// So does AdaRound (arXiv:2004.10568, table 7).
  @Test
  void adaRoundBeatsRoundToNearestAtThreeBits() throws IOException {
    String scheme = "int3:asym:group=64";
    run(Comparison.embeddedModel(), scheme, adaRound(80), "other", false);
    assertThat(dividedByNearest(scheme)).isLessThan(0.8);
  }

  @Test
  @Tag("heavy")
  void adaRoundBeatsRoundToNearestAtFourBits() throws IOException {
    String scheme = "int4:asym:group=128";
    run(Comparison.embeddedModel(), scheme, adaRound(300), "other", false);
    assertThat(dividedByNearest(scheme)).isLessThan(0.6);
  }

  /// The divergence of `other` from the embedded model, as a share of that of rounding to nearest.
  private double dividedByNearest(String scheme) throws IOException {
    Path model = Comparison.embeddedModel();
    Path nearest = folder.resolve("nearest");
    CheckpointQuantizer.quantize(
        model, nearest, QuantizeOptions.of(Scheme.parse(scheme)), tensor -> {});
    try (Comparison comparison = new Comparison(model)) {
      return comparison.divergence(folder.resolve("other")) / comparison.divergence(nearest);
    }
  }

  /// AWQ is made for channels with large activations (arXiv:2306.00978, section 3.1).
  @ParameterizedTest
  @ValueSource(strings = {"int4:asym:group=128", "int3:asym:group=64"})
  void awqBeatsRoundToNearestWhereThereAreOutliers(String scheme) throws IOException {
    Path model = folder.resolve("outliers");
    OutlierModel.write(Comparison.embeddedModel(), model, OutlierModel.defaults());
    Path nearest = folder.resolve("nearest");
    CheckpointQuantizer.quantize(
        model, nearest, QuantizeOptions.of(Scheme.parse(scheme)), tensor -> {});
    run(model, scheme, new Awq(new AwqOptions(10, true)), "awq", false);
    try (Comparison comparison = new Comparison(model)) {
      double plain = comparison.divergence(nearest);
      assertThat(comparison.divergence(folder.resolve("awq"))).isLessThan(0.5 * plain);
    }
  }

  /// Outliers of the inputs leave 8-bit tokens few steps for the rest (arXiv:2211.10438, section
  /// 3); LLM.int8 keeps their columns in 16 bits, SmoothQuant takes them away.
  @Test
  void smoothQuantBeatsPlainEightBitsWhereThereAreOutliers() throws IOException {
    Path model = folder.resolve("outliers");
    OutlierModel.write(Comparison.embeddedModel(), model, OutlierModel.defaults());
    ActivationQuantization tokens = ActivationQuantization.parse("int8:sym:token");
    QuantizeOptions eightBits =
        QuantizeOptions.of(Scheme.parse("int8:sym:channel")).withActivations(tokens, Map.of());
    Path plain = folder.resolve("plain");
    CheckpointQuantizer.quantize(model, plain, eightBits, tensor -> {});
    Path outlierColumns = folder.resolve("llm.int8");
    CheckpointQuantizer.quantize(
        model, outlierColumns, QuantizeOptions.of(new Scheme.LlmInt8()), tensor -> {});
    Path smooth = folder.resolve("smooth");
    BlockwiseQuantizer.run(
        new BlockwiseQuantizer.Request(model, smooth, TEXT, eightBits, null, false),
        new SmoothQuant(SmoothQuant.DEFAULT_ALPHA, tokens),
        BlockListener.none());
    try (Comparison comparison = new Comparison(model)) {
      double divergence = comparison.divergence(plain);
      assertThat(comparison.divergence(smooth)).isLessThan(0.1 * divergence);
      assertThat(comparison.divergence(outlierColumns)).isLessThan(0.5 * divergence);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gptq", "awq"})
  void aRunThatWasStoppedEndsWithTheSameBytes(String name) throws IOException {
    BlockAlgorithm algorithm = name.equals("gptq") ? gptq() : new Awq(new AwqOptions(2, false));
    Path model = Comparison.embeddedModel();
    String scheme = "int4:sym:group=64";
    BlockwiseReport whole = run(model, scheme, algorithm, "whole", false);
    for (int block = 0; block < 4; block += 2) {
      int last = block;
      BlockListener stop =
          new BlockListener() {
            @Override
            public void batch(int index, int done, int batches) {
              if (index > last) {
                throw new IllegalStateException("stopped");
              }
            }
          };
      assertThatThrownBy(() -> run(model, scheme, algorithm, "resumed", last > 0, stop))
          .hasMessage("stopped");
      assertThat(folder.resolve("resumed")).doesNotExist();
    }
    assertThatThrownBy(() -> run(model, scheme, algorithm, "resumed", false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("--resume");
    assertThatThrownBy(() -> run(model, "int3:sym:group=64", algorithm, "resumed", true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("int4:sym:group=64");
    BlockwiseReport resumed = run(model, scheme, algorithm, "resumed", true);
    assertThat(files("resumed")).isEqualTo(files("whole"));
    assertThat(resumed.layers().stream().map(LayerReport::outputError).toList())
        .isEqualTo(whole.layers().stream().map(LayerReport::outputError).toList());
    assertThat(folder.resolve("resumed.blocks")).doesNotExist();
  }

  @Test
  void tellsHowFarItIsAndLeavesSkippedLayersAlone() {
    List<Integer> blocks = new ArrayList<>();
    List<BlockListener.Start> starts = new ArrayList<>();
    BlockListener listener =
        new BlockListener() {
          @Override
          public void start(Start start) {
            starts.add(start);
          }

          @Override
          public void block(int block, double seconds) {
            blocks.add(block);
          }
        };
    QuantizeOptions options =
        new QuantizeOptions(
            Scheme.parse("int8:sym:channel"),
            null,
            List.of("down_proj", "model.layers.1.mlp.up_proj"));
    BlockwiseReport report =
        BlockwiseQuantizer.run(
            new BlockwiseQuantizer.Request(
                Comparison.embeddedModel(), folder.resolve("out"), TEXT, options, null, false),
            gptq(),
            listener);
    assertThat(blocks).containsExactly(0, 1, 2, 3);
    assertThat(starts)
        .containsExactly(new BlockListener.Start(4, 0, 23, TEXT.tokens(), TEXT.tokens() * 256 * 2));
    assertThat(report.layers()).extracting(LayerReport::name).noneMatch(n -> n.contains("down"));
    assertThat(report.layers()).hasSize(23);
  }

  @Test
  void otherFormatsAndLongSamplesAreRefused() {
    Path model = Comparison.embeddedModel();
    assertThatThrownBy(() -> run(model, "nf4:group=64", gptq(), "out", false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("nf4:group=64")
        .hasMessageContaining("--algorithm rtn");
    CalibrationText tooLong = new CalibrationText("x", "y", List.of(new int[513]));
    assertThatThrownBy(() ->
            BlockwiseQuantizer.run(
                new BlockwiseQuantizer.Request(
                    model,
                    folder.resolve("out"),
                    tooLong,
                    QuantizeOptions.of(Scheme.parse("int4:sym:group=64")),
                    null,
                    false),
                gptq(),
                BlockListener.none()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("513");
    assertThat(folder.resolve("out")).doesNotExist();
    assertThat(folder.resolve("out.blocks")).doesNotExist();
  }

  @Test
  void aWeightThatIsNotFiniteIsNamed() throws IOException {
    Path model = folder.resolve("nan");
    String broken = "model.layers.1.mlp.up_proj.weight";
    try (Checkpoint source = Checkpoint.open(Comparison.embeddedModel())) {
      List<TensorInfo> plan = new ArrayList<>(source.infos().values());
      try (CheckpointWriter writer =
          CheckpointWriter.create(model, source.configJson(), plan, source.companions())) {
        for (TensorInfo info : plan) {
          byte[] bytes = source.tensor(info.name()).data().toArray(ValueLayout.JAVA_BYTE);
          if (info.name().equals(broken)) {
            bytes[2 * (3 * 256 + 7)] = (byte) 0xC0; // bfloat16 NaN at [3, 7]
            bytes[2 * (3 * 256 + 7) + 1] = 0x7F;
          }
          writer.write(info.name(), HostTensor.of(bytes, info.dtype(), info.shape().toArray()));
        }
        writer.commit();
      }
    }
    assertThatThrownBy(
            () -> run(model, "int4:sym:group=64", new Awq(new AwqOptions(1, false)), "out", false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(broken)
        .hasMessageContaining("[3, 7]");
    assertThat(folder.resolve("out")).doesNotExist();
  }

  /// Every file with a checksum of its bytes.
  private TreeMap<String, String> files(String name) throws IOException {
    TreeMap<String, String> files = new TreeMap<>();
    try (Stream<Path> paths = Files.list(folder.resolve(name))) {
      for (Path path : paths.toList()) {
        files.put(path.getFileName().toString(), FileHash.sha256(path));
      }
    }
    return files;
  }
}
