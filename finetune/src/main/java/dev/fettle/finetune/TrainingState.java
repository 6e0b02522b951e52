package dev.fettle.finetune;

import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Tensor;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a checkpoint holds besides the adapter: optimizer moments, parameters, history, and the
/// settings the run must be resumed with. A checkpoint folder is complete or absent.
final class TrainingState {
  private static final String STATE = "trainer_state.json";
  private static final String TENSORS = "training_state.safetensors";
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d+)");
  private static final Pattern LEFTOVER =
      Pattern.compile(
          "\\.(checkpoint-\\d+|best|\\.adapter|\\.model|run\\.json)\\.(partial|old)-[\\w-]+");

  private final Path output;
  private final FlatParameters parameters;
  private final Optimizer optimizer;
  private final Phases phases;
  private final ObjectNode settings;
  private final History history;

  /// @param output the run's folder; checkpoints are its `checkpoint-N`
  /// @param phases what else changes in the model
  /// @param settings everything that determines the run's numbers
  TrainingState(
      Path output,
      FlatParameters parameters,
      Optimizer optimizer,
      Phases phases,
      ObjectNode settings,
      History history) {
    this.output = output;
    this.parameters = parameters;
    this.optimizer = optimizer;
    this.phases = phases;
    this.settings = settings;
    this.history = history;
  }

  /// Saves under `checkpoint-N`, then removes older checkpoints.
  ///
  /// @param extra writes more files into the folder, such as the adapter
  Path save(AtomicFolder.Content extra) {
    Path folder = output.resolve("checkpoint-" + optimizer.steps());
    AtomicFolder.write(
        folder,
        temporary -> {
          SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
          flatTensors().forEach((name, tensor) -> tensors.put(name, tensor.hostView()));
          SafetensorsWriter.write(
              temporary.resolve(TENSORS), tensors, SafetensorsWriter.PYTORCH_METADATA);
          Files.writeString(temporary.resolve(STATE), Json.pretty(stateJson()));
          extra.writeTo(temporary);
        });
    checkpoints(output).stream().filter(old -> !old.equals(folder)).forEach(TrainingState::remove);
    return folder;
  }

  /// Takes the name away first: killed half-way, it must not look like a checkpoint.
  private static void remove(Path checkpoint) {
    Path hidden = checkpoint.resolveSibling("." + checkpoint.getFileName() + ".partial-removed");
    try {
      Files.move(checkpoint, hidden, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UserException("Cannot remove " + checkpoint + ": " + e.getMessage() + ".", e);
    }
    AtomicFolder.delete(hidden);
  }

  /// Removes what a process killed while writing or removing left under hidden names; something
  /// complete that was moved aside for a new one that never got its name is moved back.
  static void removeLeftovers(Path output) {
    try (Stream<Path> entries = Files.list(output)) {
      for (Path entry : entries.toList()) {
        Matcher matcher = LEFTOVER.matcher(entry.getFileName().toString());
        if (!matcher.matches()) {
          continue;
        }
        Path original = output.resolve(matcher.group(1));
        if (matcher.group(2).equals("old") && !Files.exists(original)) {
          Files.move(entry, original, StandardCopyOption.ATOMIC_MOVE);
        } else {
          AtomicFolder.delete(entry);
        }
      }
    } catch (IOException e) {
      throw new UserException("Cannot clean up " + output + ": " + e.getMessage() + ".", e);
    }
  }

  private SequencedMap<String, Tensor> flatTensors() {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("parameters", parameters.values());
    tensors.putAll(optimizer.state());
    tensors.putAll(phases.state());
    return tensors;
  }

  private ObjectNode stateJson() {
    ObjectNode json = Json.object();
    json.put("global_step", optimizer.steps());
    json.set("settings", settings);
    json.set("history", history.toJson());
    ArrayNode order = json.putArray("parameters");
    parameters.parameters().forEach(p -> order.add(p.name()));
    return json;
  }

  /// Restores the newest checkpoint of the output folder.
  ///
  /// @return the folder it came from, or null if there is none
  /// @throws UserException if it belongs to a run with other settings
  @Nullable Path restore() {
    List<Path> found = checkpoints(output);
    if (found.isEmpty()) {
      return null;
    }
    Path folder = found.getLast();
    ObjectNode json = Json.read(folder.resolve(STATE));
    checkSameRun(json, folder);
    try (TensorSource stored = SafetensorsFile.open(folder.resolve(TENSORS))) {
      flatTensors()
          .forEach((name, tensor) -> {
            HostTensor saved = stored.tensor(name);
            if (saved.byteSize() != tensor.segment().byteSize()) {
              throw new UserException(
                  "Checkpoint %s holds %d bytes of '%s', this run needs %d; it belongs to another model or rank."
                      .formatted(folder, saved.byteSize(), name, tensor.segment().byteSize()));
            }
            tensor.segment().copyFrom(saved.data());
          });
    }
    parameters.valuesChanged();
    optimizer.resumeAt(json.path("global_step").asInt());
    phases.restored(optimizer.steps());
    history.restore(json.path("history"));
    return folder;
  }

  private void checkSameRun(ObjectNode json, Path folder) {
    JsonNode before = json.path("settings");
    for (String key : settings.propertyNames()) {
      // as text, because a number read back from a file need not have the type it was written with
      String was = Json.compact(before.path(key));
      String is = Json.compact(settings.get(key));
      if (!is.equals(was)) {
        throw new UserException(
            "Cannot resume from %s: it was trained with %s = %s, now it is %s; use the same settings or another --output."
                .formatted(folder, key, was, is));
      }
    }
  }

  /// Checkpoint folders by rising step.
  static List<Path> checkpoints(Path output) {
    if (!Files.isDirectory(output)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(output)) {
      List<Path> found =
          new ArrayList<>(
              entries.filter(p -> step(p) >= 0 && Files.exists(p.resolve(STATE))).toList());
      found.sort((a, b) -> Integer.compare(step(a), step(b)));
      return found;
    } catch (IOException e) {
      throw new UserException("Cannot list " + output + ": " + e.getMessage() + ".", e);
    }
  }

  private static int step(Path folder) {
    Matcher matcher = NAME.matcher(folder.getFileName().toString());
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
  }
}
