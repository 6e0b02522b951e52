package dev.fettle.calibrate.block;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.model.Linear;
import dev.fettle.model.LoadedBlock;
import dev.fettle.model.Weight;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// What an algorithm sees of the block it is to quantize.
public final class BlockData {
  private final LoadedBlock block;
  private final Checkpoint checkpoint;
  private final Map<String, Scheme.Affine> schemes;
  private final @Nullable DType scaleDtype;
  private final Arena arena;
  private final List<InputGroup> groups;
  private final TextPass pass;
  private final BlockListener listener;

  /// Runs the block on the whole text and throws the outputs away.
  interface TextPass {
    void run();
  }

  BlockData(
      LoadedBlock block,
      Checkpoint checkpoint,
      Map<String, Scheme.Affine> schemes,
      @Nullable DType scaleDtype,
      Arena arena,
      TextPass pass,
      BlockListener listener) {
    this.block = block;
    this.checkpoint = checkpoint;
    this.schemes = schemes;
    this.scaleDtype = scaleDtype;
    this.arena = arena;
    this.groups = InputGroup.of(block.linears().values());
    this.pass = pass;
    this.listener = listener;
  }

  public LoadedBlock block() {
    return block;
  }

  /// The model's tensors as stored.
  Checkpoint checkpoint() {
    return checkpoint;
  }

  public ModelConfig config() {
    return checkpoint.config();
  }

  /// The block's layers by their input, in the order of the computation.
  public List<InputGroup> groups() {
    return groups;
  }

  /// The scheme wanted for a layer, or null if it stays as it is.
  public Scheme.@Nullable Affine scheme(Linear linear) {
    return schemes.get(linear.path());
  }

  /// Memory that lives until the result has been stored, accessible from any thread.
  public Arena arena() {
    return arena;
  }

  /// Tells whoever watches that a layer is done.
  public void done(LayerReport report) {
    listener.layer(report);
  }

  /// Dtype of a layer's weight in the checkpoint.
  public DType storedDtype(Linear linear) {
    return checkpoint.tensor(linear.path() + ".weight").dtype();
  }

  /// A layer's weight as stored, float32, in {@link #arena}.
  public HostTensor weight(Linear linear) {
    return weight(linear, arena);
  }

  private HostTensor weight(Linear linear, Arena memory) {
    HostTensor stored = checkpoint.tensor(linear.path() + ".weight");
    MemorySegment floats = memory.allocate(4 * stored.elements(), 64);
    Casts.toFloat(stored, floats);
    return new HostTensor(DType.F32, stored.shape(), floats);
  }

  /// @throws UserException naming the first weight of the block that is not finite
  void requireFiniteWeights() {
    for (Linear linear : block.linears().values()) {
      try (Arena own = Arena.ofShared()) {
        HostTensor weight = weight(linear, own);
        for (long i = 0; i < weight.elements(); i++) {
          if (!Float.isFinite(weight.data().get(HostTensor.F32_LAYOUT, 4 * i))) {
            long columns = weight.shape().dim(1);
            throw new UserException(
                "Tensor '%s.weight' has a NaN or infinity at [%d, %d]; a model cannot be calibrated with it, repair the checkpoint or use --algorithm rtn --nan-policy zero."
                    .formatted(linear.path(), i / columns, i % columns));
          }
        }
      }
    }
  }

  /// Puts a quantized weight in the place of the exact one.
  public void replace(Linear linear, AffineTensor tensor) {
    linear.weight(new Weight.Quantized(tensor));
  }

  /// Runs the text through the block as it now is and collects the inputs of these groups.
  ///
  /// @return to be closed by the caller
  /// @throws UserException if an input is not finite
  public SequencedMap<InputGroup, InputMoments> observe(List<InputGroup> watched) {
    SequencedMap<InputGroup, InputMoments> moments = new LinkedHashMap<>();
    List<Linear> observed = new ArrayList<>();
    boolean done = false;
    try {
      for (InputGroup group : watched) {
        InputMoments sums = new InputMoments(group.features());
        moments.put(group, sums);
        observed.add(group.first());
        group.first().observe(sums::add);
      }
      pass.run();
      moments.forEach(BlockData::requireFinite);
      done = true;
      return moments;
    } finally {
      observed.forEach(linear -> linear.observe(null));
      if (!done) {
        moments.values().forEach(InputMoments::close);
      }
    }
  }

  private static void requireFinite(InputGroup group, InputMoments moments) {
    if (!moments.allFinite()) {
      throw new UserException(
          "The inputs of '%s' are not all finite on the calibration text; check the model, or compute in float32 with --compute-dtype float32."
              .formatted(group.first().path()));
    }
  }

  /// The problem of putting `weight`, which may differ from the stored one, on the layer's grid.
  ///
  /// @param weight F32, in {@link #arena}
  public LayerProblem problem(Linear linear, HostTensor weight, Scheme.Affine scheme) {
    return new LayerProblem(linear.path(), weight, storedDtype(linear), scaleDtype, scheme, arena);
  }

  /// Reports a layer: its error beside that of rounding to nearest.
  ///
  /// @param problem what was solved
  /// @param started {@link System#nanoTime} when the algorithm began with it
  public LayerReport report(
      LayerProblem problem, LayerResult result, InputMoments moments, long started) {
    double seconds = (System.nanoTime() - started) / 1e9;
    double nearest;
    try (Arena own = Arena.ofShared()) {
      nearest = OutputError.relative(problem.weight(), problem.nearest(own), moments);
    }
    LayerReport report =
        new LayerReport(
            problem.name(),
            problem.scheme().toString(),
            OutputError.relative(problem.weight(), result.tensor(), moments),
            nearest,
            result.note(),
            result.fallback(),
            seconds);
    done(report);
    return report;
  }
}
