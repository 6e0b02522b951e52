package dev.fettle.calibrate.block;

import dev.fettle.calibrate.CalibrationText;
import dev.fettle.calibrate.ModelFingerprint;
import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.BlockRunner;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.LoadedBlock;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// Quantizes a model folder into another one block by block.
///
/// In memory at any time: the embedding, one block, what the algorithm needs for it, and one batch
/// of activations. The hidden states of the whole text, `tokens · hidden size` numbers in the
/// compute dtype, lie in a work folder beside the output, with the finished blocks; a run that was
/// stopped or killed goes on after the last of them and writes the same bytes as one left alone.
public final class BlockwiseQuantizer {
  /// Tokens computed at a time.
  private static final int BATCH_TOKENS = 2048;

  private final Request request;
  private final BlockListener listener;

  /// What to do.
  ///
  /// @param model a folder with unquantized weights
  /// @param output a folder that does not exist yet
  /// @param text what the algorithm calibrates on
  /// @param options schemes and layers; only integer schemes
  /// @param computeDtype in which the blocks run: float32 or bfloat16; null takes that of the model
  /// @param resume whether the work of an earlier run with the same settings is taken up
  public record Request(
      Path model,
      Path output,
      CalibrationText text,
      QuantizeOptions options,
      @Nullable DType computeDtype,
      boolean resume) {}

  private BlockwiseQuantizer(Request request, BlockListener listener) {
    this.request = request;
    this.listener = listener;
  }

  /// @throws UserException if the model, the text or a scheme cannot be used, or the output not be
  ///   written; the work folder stays, so that the run can be resumed
  public static BlockwiseReport run(
      Request request, BlockAlgorithm algorithm, BlockListener listener) {
    return run(request, algorithm, listener, UnaryOperator.identity());
  }

  /// As the other `run`; the finished weights go into the folder through `around`, which may look
  /// at them, as [dev.fettle.quantize.WeightRecorder] does.
  public static BlockwiseReport run(
      Request request,
      BlockAlgorithm algorithm,
      BlockListener listener,
      UnaryOperator<WeightQuantizer> around) {
    return new BlockwiseQuantizer(request, listener).run(algorithm, around);
  }

  private BlockwiseReport run(BlockAlgorithm algorithm, UnaryOperator<WeightQuantizer> around) {
    long start = System.nanoTime();
    CheckpointWriter.checkTarget(request.output(), request.options().overwrite());
    LoadOptions load = LoadOptions.defaults().withComputeDtype(request.computeDtype());
    WorkFolder work;
    SequencedMap<String, Scheme.Affine> schemes;
    try (BlockRunner model = BlockRunner.open(request.model(), load)) {
      requireUnquantized(model);
      requireLength(model);
      schemes = schemes(model);
      CheckpointQuantizer.requireStorable(model.checkpoint(), request.options());
      work = WorkFolder.open(request.output(), settings(model, algorithm), request.resume());
      quantizeBlocks(model, algorithm, schemes, work);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new FolderAssembly(request, schemes, work).write(start, around);
  }

  private void requireUnquantized(BlockRunner model) {
    if (model.checkpoint().quantizationConfig() != null) {
      throw new UserException(
          "Model %s is quantized already; start from its unquantized weights."
              .formatted(request.model()));
    }
  }

  private void requireLength(BlockRunner model) {
    int longest = request.text().samples().stream().mapToInt(ids -> ids.length).max().orElse(0);
    if (longest > model.maxLength()) {
      throw new UserException(
          "A calibration sample has %d tokens, but this model takes %d; lower --seq-length."
              .formatted(longest, model.maxLength()));
    }
  }

  private SequencedMap<String, Scheme.Affine> schemes(BlockRunner model) {
    SequencedMap<String, Scheme.Affine> schemes = new LinkedHashMap<>();
    for (LinearModule module : Architecture.of(model.config()).linears()) {
      @Nullable Scheme scheme = request.options().schemeOf(module.name());
      switch (scheme) {
        case null -> {}
        case Scheme.Affine affine -> schemes.put(module.name(), affine);
        case Scheme other ->
            throw new UserException(
                "Scheme %s cannot be calibrated: this algorithm chooses integers, such as int4:sym:group=128; use --algorithm rtn for other formats."
                    .formatted(other));
      }
    }
    return schemes;
  }

  /// What makes two runs the same.
  private SequencedMap<String, String> settings(BlockRunner model, BlockAlgorithm algorithm) {
    SequencedMap<String, String> settings = new LinkedHashMap<>();
    settings.put("model", ModelFingerprint.of(model.checkpoint()));
    settings.put("algorithm", algorithm.description());
    settings.put("scheme", request.options().scheme().toString());
    settings.put("schemes", Integer.toHexString(schemes(model).toString().hashCode()));
    settings.put("format", String.valueOf(request.options().format()));
    settings.put("text", request.text().sha256());
    settings.put("tokens", Integer.toHexString(hash(request.text().samples())));
    settings.put("compute_dtype", model.computeDtype().torchName());
    return settings;
  }

  private static int hash(List<int[]> samples) {
    int hash = 1;
    for (int[] ids : samples) {
      hash = 31 * hash + Arrays.hashCode(ids);
    }
    return hash;
  }

  private void quantizeBlocks(
      BlockRunner model,
      BlockAlgorithm algorithm,
      SequencedMap<String, Scheme.Affine> schemes,
      WorkFolder work)
      throws IOException {
    List<int[][]> batches = batches();
    HiddenStates.Form form =
        new HiddenStates.Form(batches, model.config().hiddenSize(), model.computeDtype());
    int blocks = model.config().numHiddenLayers();
    listener.start(
        new BlockListener.Start(
            blocks, work.finished(), schemes.size(), request.text().tokens(), form.bytes()));
    if (work.finished() == 0) {
      HiddenStates.write(form, work.hidden(), batch -> model.embed(batches.get(batch)));
    }
    while (work.finished() < blocks) {
      long start = System.nanoTime();
      int index = work.finished();
      try (HiddenStates hidden = HiddenStates.open(form, work.hidden());
          LoadedBlock block = model.load(index);
          Arena arena = Arena.ofShared()) {
        quantizeBlock(new Passes(form, hidden, block), model, algorithm, schemes, arena, work);
      }
      listener.block(index, (System.nanoTime() - start) / 1e9);
    }
  }

  private List<int[][]> batches() {
    int longest = request.text().samples().stream().mapToInt(ids -> ids.length).max().orElseThrow();
    return request.text().batches(Math.max(1, BATCH_TOKENS / longest));
  }

  private void quantizeBlock(
      Passes passes,
      BlockRunner model,
      BlockAlgorithm algorithm,
      Map<String, Scheme.Affine> schemes,
      Arena arena,
      WorkFolder work)
      throws IOException {
    BlockData data =
        new BlockData(
            passes.block,
            model.checkpoint(),
            schemes,
            request.options().scaleDtype(),
            arena,
            passes::discard,
            listener);
    data.requireFiniteWeights();
    try (Scope scope = Scope.open()) {
      if (algorithm.quantizedOutputs()) {
        BlockResult result = algorithm.quantize(data);
        work.add(result, passes::writeTo);
      } else {
        exactOutputs(passes, algorithm, data, work);
      }
    }
  }

  /// The outputs are computed before the algorithm may change the block.
  private static void exactOutputs(
      Passes passes, BlockAlgorithm algorithm, BlockData data, WorkFolder work) throws IOException {
    Path outputs = work.scratch();
    passes.writeTo(outputs);
    work.add(algorithm.quantize(data), file -> Files.move(outputs, file));
  }

  /// Runs of the text through one block.
  private final class Passes {
    private final HiddenStates.Form form;
    private final HiddenStates hidden;
    private final LoadedBlock block;

    Passes(HiddenStates.Form form, HiddenStates hidden, LoadedBlock block) {
      this.form = form;
      this.hidden = hidden;
      this.block = block;
    }

    private Tensor run(int batch) {
      int[][] ids = form.batches().get(batch);
      Tensor output = block.run(hidden.batch(batch), ids.length, ids[0].length);
      listener.batch(block.layer(), batch + 1, form.batches().size());
      return output;
    }

    void discard() {
      for (int i = 0; i < form.batches().size(); i++) {
        try (Scope scope = Scope.open()) {
          run(i).close();
        }
      }
    }

    void writeTo(Path file) throws IOException {
      HiddenStates.write(form, file, this::run);
    }
  }
}
