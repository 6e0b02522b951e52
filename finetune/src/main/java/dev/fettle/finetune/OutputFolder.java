package dev.fettle.finetune;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// What a run leaves behind in its output folder: the result (a PEFT adapter, a whole model, or a
/// quantized one after quantization-aware training), `best/` with the state of the lowest
/// validation loss, `checkpoint-N/` to resume from, and `run.json`.
final class OutputFolder {
  private static final String RUN = "run.json";
  private static final String BEST = "best";

  private final FinetuneRequest request;
  private final CausalLm model;
  private final @Nullable LoraAdapter adapter;
  private final @Nullable QuantizationAware rounding;

  /// @param adapter null where the whole model is trained
  /// @param rounding null where the model is not trained for a format
  OutputFolder(
      FinetuneRequest request,
      CausalLm model,
      @Nullable LoraAdapter adapter,
      @Nullable QuantizationAware rounding) {
    this.request = request;
    this.model = model;
    this.adapter = adapter;
    this.rounding = rounding;
  }

  /// Removes what a killed run left half-written.
  ///
  /// @throws UserException if the folder holds something and the run does not resume
  static void prepare(Path output, boolean resume) {
    if (Files.exists(output) && !Files.isDirectory(output)) {
      throw new UserException("Output " + output + " is a file; name a folder.");
    }
    if (!Files.isDirectory(output)) {
      return;
    }
    TrainingState.removeLeftovers(output);
    if (resume) {
      return;
    }
    try (Stream<Path> entries = Files.list(output)) {
      if (entries.findAny().isPresent()) {
        throw new UserException(
            "Output folder %s is not empty; add --resume to go on with its run, or name another."
                .formatted(output));
      }
    } catch (IOException e) {
      throw new UserException("Cannot list " + output + ": " + e.getMessage() + ".", e);
    }
  }

  /// The adapter's files, inside a checkpoint; nothing for full fine-tuning, whose checkpoint holds
  /// every weight already.
  void writeAdapterInto(Path folder) throws IOException {
    if (adapter != null) {
      AdapterFolder.writeInto(folder, adapter);
    }
  }

  void writeBest() {
    Path best = request.output().resolve(BEST);
    if (rounding != null) {
      QuantizedModel.write(best, request, model, rounding);
    } else if (adapter != null) {
      AdapterFolder.write(best, adapter);
    } else {
      writeModel(best);
    }
  }

  void writeFinal(RunRecord record) {
    if (adapter != null && rounding == null) {
      AdapterFolder.write(request.output().resolve(".adapter"), adapter);
      moveUp(request.output().resolve(".adapter"));
    } else {
      Path temporary = request.output().resolve(".model");
      AtomicFolder.delete(temporary); // of a run that was killed while it moved these files up
      if (rounding == null) {
        writeModel(temporary);
      } else {
        QuantizedModel.write(temporary, request, model, rounding);
      }
      moveUp(temporary);
    }
    AtomicFiles.writeString(request.output().resolve(RUN), Json.pretty(runJson(record)));
  }

  /// Moves complete files from a finished folder into the output, each at once.
  private void moveUp(Path finished) {
    try (Stream<Path> files = Files.list(finished)) {
      for (Path file : files.sorted().toList()) {
        Path target = request.output().resolve(file.getFileName().toString());
        Files.move(
            file,
            target,
            java.nio.file.StandardCopyOption.REPLACE_EXISTING,
            java.nio.file.StandardCopyOption.ATOMIC_MOVE);
      }
      AtomicFolder.delete(finished);
    } catch (IOException e) {
      throw new UserException("Cannot write " + request.output() + ": " + e.getMessage() + ".", e);
    }
  }

  /// The whole model in the dtypes of the checkpoint it came from.
  private void writeModel(Path folder) {
    Map<String, Parameter> byName = new HashMap<>();
    model.baseParameters().forEach(p -> byName.put(p.name(), p));
    try (Checkpoint source = Checkpoint.open(request.model())) {
      List<TensorInfo> plan = new ArrayList<>();
      for (TensorInfo expected : Architecture.of(model.config()).tensors()) {
        DType dtype = source.tensor(expected.name()).dtype();
        plan.add(new TensorInfo(expected.name(), dtype, expected.shape()));
      }
      try (CheckpointWriter writer =
          CheckpointWriter.create(folder, source.configJson(), plan, source.companions(), true)) {
        for (TensorInfo info : plan) {
          Parameter parameter = byName.get(info.name());
          if (parameter == null) {
            throw new IllegalStateException("no trained parameter " + info.name());
          }
          try (Scope scope = Scope.open()) {
            writer.write(info.name(), parameter.value().to(info.dtype()).hostView());
          }
        }
        writer.commit();
      }
    }
  }

  /// What the run must be resumed with.
  ObjectNode settings() {
    return RunSettings.of(request, model, adapter == null ? null : adapter.config());
  }

  private ObjectNode runJson(RunRecord record) {
    ObjectNode json = Json.object();
    json.put("tool", "fettle finetune");
    json.set("settings", settings());
    json.put("max_steps", request.options().maxSteps());
    json.put("steps", record.steps());
    json.put("tokens_per_second", record.tokensPerSecond());
    json.put("peak_resident_bytes", record.peakResidentBytes());
    json.put("trained_parameters", record.trainedParameters());
    json.put("optimizer_state_bytes", record.optimizerStateBytes());
    json.set("history", History.of(record).toJson());
    return json;
  }
}
