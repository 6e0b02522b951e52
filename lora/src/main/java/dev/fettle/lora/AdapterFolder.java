package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.engine.Tensor;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A PEFT adapter folder, `adapter_config.json` and `adapter_model.safetensors`; or an adapter in a
/// GGUF file, seen as one.
public final class AdapterFolder implements AutoCloseable {
  public static final String CONFIG = "adapter_config.json";
  public static final String TENSORS = "adapter_model.safetensors";

  private final Path folder;
  private final LoraConfig config;
  private final TensorSource tensors;

  private AdapterFolder(Path folder, LoraConfig config, TensorSource tensors) {
    this.folder = folder;
    this.config = config;
    this.tensors = tensors;
  }

  /// @param folder the folder, or a GGUF file
  /// @throws UserException if a file is missing or the adapter uses something not supported
  public static AdapterFolder open(Path folder) {
    if (GgufFile.isGguf(folder)) {
      return gguf(folder);
    }
    Path weights = folder.resolve(TENSORS);
    if (!Files.isRegularFile(folder.resolve(CONFIG)) || !Files.isRegularFile(weights)) {
      throw new UserException(
          "%s is not an adapter folder; expected %s and %s in it, or a GGUF file."
              .formatted(folder, CONFIG, TENSORS));
    }
    LoraConfig config = AdapterConfigJson.read(folder.resolve(CONFIG));
    return new AdapterFolder(folder, config, SafetensorsFile.open(weights));
  }

  private static AdapterFolder gguf(Path file) {
    GgufAdapterTensors tensors = GgufAdapterTensors.open(file);
    boolean done = false;
    try {
      AdapterFolder folder = new AdapterFolder(file, tensors.config(), tensors);
      done = true;
      return folder;
    } finally {
      if (!done) {
        tensors.close();
      }
    }
  }

  /// The file that holds the tensors.
  public static Path tensorFile(Path adapter) {
    return Files.isRegularFile(adapter) ? adapter : adapter.resolve(TENSORS);
  }

  public LoraConfig config() {
    return config;
  }

  public Path path() {
    return folder;
  }

  /// A tensor by its name in the file.
  ///
  /// @throws UserException if there is none
  public HostTensor tensor(String key) {
    return tensors.tensor(key);
  }

  boolean holds(String key) {
    return tensors.infos().containsKey(key);
  }

  /// What the adapter does to a model.
  ///
  /// @throws UserException if it does not fit the model, naming the first tensor that is missing,
  ///   unknown or of the wrong shape
  public AdapterPlan plan(Architecture architecture) {
    if (tensors instanceof GgufAdapterTensors gguf) {
      gguf.fit(architecture.config());
    }
    AdapterPlan plan = AdapterPlan.of(config, architecture);
    Set<String> known = new HashSet<>();
    for (AdapterPart part : plan.parts()) {
      part.tensors()
          .forEach((name, shape) -> {
            boolean optional = part instanceof AdapterPart.Whole whole && whole.tiedTo() != null;
            if (!optional || holds(name)) {
              require(name);
              check(name, shape);
              known.add(name);
            }
          });
    }
    Shape embedding =
        Shape.of(architecture.config().vocabSize(), architecture.config().hiddenSize());
    for (String end : List.of(AdapterPlan.EMBEDDING, AdapterPlan.HEAD)) {
      String key = storedBase(end, plan);
      if (key != null) {
        check(key, embedding);
        known.add(key);
      }
    }
    for (String name : tensors.infos().keySet()) {
      if (!known.contains(name) && !isCopyOfBias(name)) {
        throw new UserException(
            "Adapter %s holds '%s', which belongs to no target layer of this model; is it an adapter of another model?"
                .formatted(folder, name));
      }
    }
    return plan;
  }

  /// Where the file holds the frozen weight of the embedding or the head; PEFT stores it beside an
  /// adapter on it, or when asked to, and puts it in the place of the base's. Null if it does not.
  ///
  /// @param path of the embedding or the head
  @Nullable String storedBase(String path, AdapterPlan plan) {
    boolean whole = plan.wholes().stream().anyMatch(part -> part.tensor().equals(path + ".weight"));
    for (String suffix :
        List.of(".base_layer.weight", ".token_adapter.base_layer.weight", ".weight")) {
      String key = AdapterPart.PREFIX + path + suffix;
      if (holds(key) && !(whole && suffix.equals(".weight"))) {
        return key;
      }
    }
    return null;
  }

  /// Names in the file of frozen weights that take the place of the base's, see `storedBase`.
  public List<String> storedBases(AdapterPlan plan) {
    return Stream.of(AdapterPlan.EMBEDDING, AdapterPlan.HEAD)
        .map(path -> storedBase(path, plan))
        .filter(Objects::nonNull)
        .map(Objects::requireNonNull)
        .toList();
  }

  /// Writes the adapter as a new PEFT folder, tensor by tensor as they are.
  ///
  /// @param plan what it does to its model
  /// @throws UserException if the place is not writable
  public void copyTo(Path output, AdapterPlan plan) {
    SequencedMap<String, HostTensor> values = new LinkedHashMap<>();
    tensors.infos().keySet().forEach(name -> values.put(name, tensors.tensor(name)));
    String json = Json.pretty(AdapterConfigJson.write(config, plan.targets()));
    AtomicFolder.write(
        output,
        temporary -> {
          SafetensorsWriter.write(
              temporary.resolve(TENSORS), values, SafetensorsWriter.PYTORCH_METADATA);
          Files.writeString(temporary.resolve(CONFIG), json);
        });
  }

  /// PEFT stores the biases of modules in `modules_to_save` three times if all biases are trained.
  private boolean isCopyOfBias(String name) {
    return config.bias() == TrainedBias.ALL
        && (name.endsWith(".modules_to_save.bias") || name.endsWith(".original_module.bias"));
  }

  private void require(String name) {
    if (!holds(name)) {
      throw new UserException(
          "Adapter %s has no tensor '%s', which its %s demands for this model."
              .formatted(folder, name, CONFIG));
    }
  }

  private void check(String name, Shape expected) {
    TensorInfo found = Objects.requireNonNull(tensors.infos().get(name));
    if (!found.shape().equals(expected)) {
      throw new UserException(
          "Tensor '%s' of adapter %s has shape %s; this model needs %s."
              .formatted(name, folder, found.shape(), expected));
    }
    if (found.dtype() != DType.F32 && found.dtype() != DType.F16 && found.dtype() != DType.BF16) {
      throw new UserException(
          "Tensor '%s' of adapter %s has dtype %s; expected F32, F16 or BF16."
              .formatted(name, folder, found.dtype()));
    }
  }

  /// Writes an attached adapter as a new folder: what is trained in float32, the frozen weight of
  /// an adapted embedding or head in the dtype it is computed in.
  ///
  /// @throws UserException if the place is not writable
  public static void write(Path folder, LoraAdapter adapter) {
    AtomicFolder.write(folder, temporary -> writeInto(temporary, adapter));
  }

  /// Writes the adapter's files into an existing folder.
  public static void writeInto(Path folder, LoraAdapter adapter) throws IOException {
    SequencedMap<String, HostTensor> values = new LinkedHashMap<>();
    for (var entry : adapter.tensors().entrySet()) {
      Tensor value = entry.getValue();
      values.put(entry.getKey(), value.hostView());
    }
    SafetensorsWriter.write(folder.resolve(TENSORS), values, SafetensorsWriter.PYTORCH_METADATA);
    Files.writeString(
        folder.resolve(CONFIG),
        Json.pretty(AdapterConfigJson.write(adapter.config(), adapter.targets())));
    Files.writeString(folder.resolve("README.md"), AdapterCard.of(adapter));
  }

  @Override
  public void close() {
    tensors.close();
  }
}
