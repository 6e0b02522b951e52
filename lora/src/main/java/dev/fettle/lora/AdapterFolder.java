package dev.fettle.lora;

import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorInfo;
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
import java.util.SequencedMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A PEFT adapter folder: `adapter_config.json` and `adapter_model.safetensors`.
public final class AdapterFolder implements AutoCloseable {
  public static final String CONFIG = "adapter_config.json";
  public static final String TENSORS = "adapter_model.safetensors";
  private static final String PREFIX = "base_model.model.";

  private final Path folder;
  private final LoraConfig config;
  private final SafetensorsFile tensors;

  private AdapterFolder(Path folder, LoraConfig config, SafetensorsFile tensors) {
    this.folder = folder;
    this.config = config;
    this.tensors = tensors;
  }

  /// @throws UserException if a file is missing or the adapter uses something not supported
  public static AdapterFolder open(Path folder) {
    Path weights = folder.resolve(TENSORS);
    if (!Files.isRegularFile(folder.resolve(CONFIG)) || !Files.isRegularFile(weights)) {
      throw new UserException(
          "%s is not an adapter folder; expected %s and %s in it."
              .formatted(folder, CONFIG, TENSORS));
    }
    LoraConfig config = AdapterConfigJson.read(folder.resolve(CONFIG));
    return new AdapterFolder(folder, config, SafetensorsFile.open(weights));
  }

  /// PEFT's name of the matrix A of a layer.
  static String nameOfA(String path) {
    return PREFIX + path + ".lora_A.weight";
  }

  static String nameOfB(String path) {
    return PREFIX + path + ".lora_B.weight";
  }

  public LoraConfig config() {
    return config;
  }

  public Path path() {
    return folder;
  }

  /// `[r, in]`
  HostTensor a(String path) {
    return tensors.tensor(nameOfA(path));
  }

  /// `[out, r]`
  HostTensor b(String path) {
    return tensors.tensor(nameOfB(path));
  }

  /// @throws UserException naming the first tensor that is missing, unknown or of the wrong shape
  void checkFits(List<LinearModule> linears) {
    Set<String> targets =
        new HashSet<>(
            config.targetModules().select(linears.stream().map(LinearModule::name).toList()));
    Set<String> known = new HashSet<>();
    for (LinearModule linear : linears) {
      if (targets.contains(linear.name())) {
        long rank = config.rankOf(linear.name());
        check(nameOfA(linear.name()), Shape.of(rank, linear.inFeatures()), known);
        check(nameOfB(linear.name()), Shape.of(linear.outFeatures(), rank), known);
      }
    }
    for (String name : tensors.infos().keySet()) {
      if (!known.contains(name)) {
        throw new UserException(
            "Adapter %s holds '%s', which belongs to no target layer of this model; is it an adapter of another model?"
                .formatted(folder, name));
      }
    }
  }

  private void check(String name, Shape expected, Set<String> known) {
    known.add(name);
    @Nullable TensorInfo found = tensors.infos().get(name);
    if (found == null) {
      throw new UserException(
          "Adapter %s has no tensor '%s', which its target_modules demand for this model."
              .formatted(folder, name));
    }
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

  /// Writes an attached adapter as a new folder, float32.
  ///
  /// @throws UserException if the place is not writable
  public static void write(Path folder, LoraAdapter adapter) {
    AtomicFolder.write(folder, temporary -> writeInto(temporary, adapter));
  }

  /// Writes the adapter's files into an existing folder.
  public static void writeInto(Path folder, LoraAdapter adapter) throws IOException {
    SequencedMap<String, HostTensor> values = new LinkedHashMap<>();
    for (String path : adapter.targets()) {
      values.put(nameOfA(path), adapter.pair(path).a().value().toHost());
      values.put(nameOfB(path), adapter.pair(path).b().value().toHost());
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
