package dev.fettle.calibrate;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.observe.Observer;
import dev.fettle.quantize.observe.Range;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// What the inputs of a model's linear layers looked like on calibration texts. Collected by {@link
/// Calibration}, kept in a JSON file that {@link StatisticsJson} describes, good for that model
/// only.
///
/// Merging the statistics of several runs gives those of one run over the texts one after the other
/// with the same batches: counts, histograms, smallest and largest numbers and moving averages to
/// the bit, sums per channel up to the rounding of float64.
public final class ActivationStatistics {
  private final String source;
  private final Model model;
  private final List<Run> runs;
  private final SequencedMap<String, LayerStatistics> layers;

  /// @param source for messages: the file, or how they came about
  ActivationStatistics(
      String source, Model model, List<Run> runs, SequencedMap<String, LayerStatistics> layers) {
    this.source = source;
    this.model = model;
    this.runs = new ArrayList<>(runs);
    this.layers = layers;
  }

  /// Which model was watched.
  ///
  /// @param path as it was called
  /// @param fingerprint see {@link ModelFingerprint}
  public record Model(String path, String fingerprint, DType computeDtype) {}

  /// What it read.
  ///
  /// @param sha256 of the file
  /// @param nanPolicy what a NaN or infinity did
  public record Run(
      String data,
      String sha256,
      int samples,
      long tokens,
      int seqLength,
      int batchSize,
      NanPolicy nanPolicy) {}

  /// @throws UserException if the file is missing or no such file
  public static ActivationStatistics load(Path file) {
    return StatisticsJson.parse(Json.read(file), file.toString());
  }

  /// Writes the file whole or not at all.
  ///
  /// @throws UserException if it cannot be written
  public void save(Path file) {
    AtomicFiles.writeString(file, Json.pretty(StatisticsJson.toJson(this)));
  }

  public Model model() {
    return model;
  }

  public List<Run> runs() {
    return Collections.unmodifiableList(runs);
  }

  /// By path, in the order of the computation.
  public SequencedMap<String, LayerStatistics> layers() {
    return Collections.unmodifiableSequencedMap(layers);
  }

  /// @throws UserException if the layer is not in these statistics
  public LayerStatistics layer(String path) {
    LayerStatistics layer = layers.get(path);
    if (layer == null) {
      throw new UserException(
          "%s holds no statistics of layer '%s'; calibrate the model again."
              .formatted(source, path));
    }
    return layer;
  }

  /// @throws UserException naming both models if these are the statistics of another one
  public void requireModel(Checkpoint folder) {
    String found = ModelFingerprint.of(folder);
    if (!found.equals(model.fingerprint())) {
      throw new UserException(
          "%s was calibrated on model %s (fingerprint %s), not on %s (%s); run fettle calibrate on this model."
              .formatted(
                  source,
                  model.path(),
                  model.fingerprint().substring(0, 12),
                  folder.path(),
                  found.substring(0, 12)));
    }
  }

  /// The range that `observer` chooses for the inputs of a layer.
  public Range range(String path, Scheme.Affine scheme, Observer observer) {
    return observer.range(layer(path).ranges(), scheme.grid());
  }

  /// Scale and zero point of a layer's inputs, for activations quantized with fixed parameters.
  ///
  /// @param scheme per tensor
  /// @throws UserException if the layer is not in these statistics
  public AffineParameters parameters(String path, Scheme.Affine scheme, Observer observer) {
    if (!(scheme.granularity() instanceof Granularity.PerTensor)) {
      throw new UserException(
          "Scheme %s has no fixed parameters for activations; use one per tensor, such as int8:sym:tensor or uint8:asym:tensor."
              .formatted(scheme));
    }
    Range range = range(path, scheme, observer);
    return scheme.grid().parameters(range.min(), range.max());
  }

  /// Adds what another run saw.
  ///
  /// @throws UserException if that was another model
  public void merge(ActivationStatistics other) {
    if (!other.model.fingerprint().equals(model.fingerprint())) {
      throw new UserException(
          "%s and %s cannot be merged: the first is of model %s (fingerprint %s), the second of %s (%s)."
              .formatted(
                  source,
                  other.source,
                  model.path(),
                  model.fingerprint().substring(0, 12),
                  other.model.path(),
                  other.model.fingerprint().substring(0, 12)));
    }
    if (!other.layers.keySet().equals(layers.keySet())) {
      throw new UserException(
          "%s and %s cannot be merged: they hold different layers."
              .formatted(source, other.source));
    }
    layers.forEach((path, layer) -> layer.merge(other.layer(path)));
    runs.addAll(other.runs);
  }

  static SequencedMap<String, LayerStatistics> newLayers() {
    return new LinkedHashMap<>();
  }
}
