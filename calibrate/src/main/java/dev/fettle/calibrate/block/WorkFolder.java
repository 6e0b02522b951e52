package dev.fettle.calibrate.block;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a run has finished, in a folder beside its output: one folder per block with the quantized
/// weights, the report and the hidden states after the block. A block's folder appears when all of
/// it is on the disk, so that a run that was killed can go on after the last of them.
final class WorkFolder {
  private static final String RUN = "run.json";
  private static final String WEIGHTS = "weights.safetensors";
  private static final String REPORT = "report.json";
  private static final String HIDDEN = "hidden.bin";

  private final Path folder;
  private int finished;

  private WorkFolder(Path folder, int finished) {
    this.folder = folder;
    this.finished = finished;
  }

  static Path beside(Path output) {
    Path name = output.toAbsolutePath().getFileName();
    return output.toAbsolutePath().resolveSibling(name + ".blocks");
  }

  /// Takes up what is there, or begins.
  ///
  /// @param run what makes the run what it is
  /// @throws UserException if there is work of an earlier run and `resume` is false, or it is that
  ///   of another run
  static WorkFolder open(Path output, SequencedMap<String, String> run, boolean resume) {
    Path folder = beside(output);
    Path record = folder.resolve(RUN);
    int finished = 0;
    while (Files.isDirectory(block(folder, finished))) {
      finished++;
    }
    if (finished > 0 && !resume) {
      throw new UserException(
          "%s holds the finished blocks of an earlier run; go on with --resume, or remove it."
              .formatted(folder));
    }
    if (finished > 0) {
      requireSame(run, Json.read(record), folder);
    } else {
      ObjectNode json = Json.object();
      run.forEach(json::put);
      AtomicFiles.writeString(record, Json.pretty(json));
    }
    return new WorkFolder(folder, finished);
  }

  private static void requireSame(SequencedMap<String, String> run, ObjectNode found, Path folder) {
    run.forEach((key, value) -> {
      String before = found.path(key).asString("");
      if (!before.equals(value)) {
        throw new UserException(
            "%s belongs to another run: its %s is '%s', now it is '%s'; repeat that run's options, or remove the folder."
                .formatted(folder, key, before, value));
      }
    });
  }

  private static Path block(Path folder, int index) {
    return folder.resolve("block-%04d".formatted(index));
  }

  /// Blocks that are done.
  int finished() {
    return finished;
  }

  /// The file of the hidden states that go into the next block.
  Path hidden() {
    return finished == 0 ? folder.resolve(HIDDEN) : block(folder, finished - 1).resolve(HIDDEN);
  }

  /// A file for hidden states that do not belong to a finished block yet.
  Path scratch() {
    return folder.resolve("scratch.bin");
  }

  /// Writes hidden states to a file.
  interface HiddenWriter {
    void writeTo(Path file) throws IOException;
  }

  /// Stores a block. The hidden states that went into it are removed.
  void add(BlockResult result, HiddenWriter hidden) throws IOException {
    Path before = hidden();
    AtomicFolder.write(
        block(folder, finished),
        temporary -> {
          StoredBlock.write(temporary.resolve(WEIGHTS), result);
          ObjectNode report = Json.object();
          ArrayNode layers = report.putArray("layers");
          result.reports().forEach(layer -> layers.add(layer.toJson()));
          Files.writeString(temporary.resolve(REPORT), Json.pretty(report));
          hidden.writeTo(temporary.resolve(HIDDEN));
        });
    finished++;
    Files.deleteIfExists(before);
  }

  /// The reports of all finished blocks.
  List<LayerReport> reports() {
    List<LayerReport> reports = new ArrayList<>();
    for (int i = 0; i < finished; i++) {
      for (JsonNode layer : Json.read(block(folder, i).resolve(REPORT)).path("layers")) {
        reports.add(LayerReport.parse((ObjectNode) layer));
      }
    }
    return reports;
  }

  /// The stored weights of a finished block.
  StoredBlock stored(int index, Map<String, Scheme.Affine> schemes) {
    return StoredBlock.open(block(folder, index).resolve(WEIGHTS), schemes);
  }

  void delete() {
    AtomicFolder.delete(folder);
  }
}
