package dev.fettle.checkpoint;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Writes a model folder tensor by tensor, holding none of them: the folder appears under its name
/// only when `commit()` has flushed everything, and a writer closed before that leaves nothing.
public final class CheckpointWriter implements AutoCloseable {
  /// Largest shard, as `save_pretrained` cuts them by default.
  static final long SHARD_BYTES = 5_000_000_000L;

  private final Path folder;
  private final Path temporary;
  private final List<SafetensorsWriter> shards = new ArrayList<>();
  private final Map<String, SafetensorsWriter> owners = new LinkedHashMap<>();
  private final boolean overwrite;
  private boolean open = true;

  private CheckpointWriter(Path folder, boolean overwrite) {
    this.folder = folder;
    this.temporary = AtomicFiles.temporarySibling(folder);
    this.overwrite = overwrite;
  }

  /// As the other `create`, for a folder that must not exist yet or be empty.
  public static CheckpointWriter create(
      Path folder, ObjectNode configJson, List<TensorInfo> plan, List<CompanionFile> companions) {
    return create(folder, configJson, plan, companions, false);
  }

  /// @param folder the folder to make
  /// @param configJson what becomes `config.json`
  /// @param plan every tensor that will be written; shards are cut in this order
  /// @param companions files copied along unchanged
  /// @param overwrite replaces a folder that already holds a model
  /// @throws UserException if the folder is in use or the place is not writable
  public static CheckpointWriter create(
      Path folder,
      ObjectNode configJson,
      List<TensorInfo> plan,
      List<CompanionFile> companions,
      boolean overwrite) {
    return create(folder, configJson, plan, companions, overwrite, SHARD_BYTES);
  }

  static CheckpointWriter create(
      Path folder,
      ObjectNode configJson,
      List<TensorInfo> plan,
      List<CompanionFile> companions,
      boolean overwrite,
      long shardBytes) {
    checkTarget(folder, overwrite);
    CheckpointWriter writer = new CheckpointWriter(folder, overwrite);
    boolean done = false;
    try {
      Files.createDirectories(writer.temporary);
      Path config = writer.temporary.resolve(CheckpointFolder.CONFIG);
      Files.writeString(config, Json.pretty(configJson));
      AtomicFiles.flush(config);
      for (CompanionFile companion : companions) {
        companion.copyInto(writer.temporary);
      }
      writer.createShards(plan, shardBytes);
      done = true;
      return writer;
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    } finally {
      if (!done) {
        writer.close();
      }
    }
  }

  /// Whether a model may be written to this folder; callers with long work ahead ask first.
  ///
  /// @throws UserException if it holds files and may not be overwritten
  public static void checkTarget(Path folder, boolean overwrite) {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new UserException(
          "Output " + folder + " is a file; name a folder that does not exist.");
    }
    if (!Files.isDirectory(folder) || isEmpty(folder)) {
      return;
    }
    if (!overwrite) {
      throw new UserException(
          "Output folder "
              + folder
              + " already exists and is not empty; name another or remove it.");
    }
    if (!Files.exists(folder.resolve(CheckpointFolder.CONFIG))) {
      throw new UserException(
          "Output folder " + folder + " holds no model, so it is not overwritten; name another.");
    }
  }

  private static boolean isEmpty(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.findAny().isEmpty();
    } catch (IOException e) {
      throw new UserException("Cannot list " + folder + ": " + AtomicFiles.reason(e) + ".", e);
    }
  }

  private void createShards(List<TensorInfo> plan, long shardBytes) throws IOException {
    List<List<TensorInfo>> cut = new ArrayList<>();
    long room = 0;
    for (TensorInfo info : plan) {
      if (cut.isEmpty() || (info.bytes() > room && !cut.getLast().isEmpty())) {
        cut.add(new ArrayList<>());
        room = shardBytes;
      }
      cut.getLast().add(info);
      room -= info.bytes();
    }
    if (cut.isEmpty()) {
      cut.add(List.of());
    }
    ObjectNode index = Json.object();
    ObjectNode metadata = index.putObject("metadata");
    metadata.put("total_size", plan.stream().mapToLong(TensorInfo::bytes).sum());
    ObjectNode weightMap = index.putObject("weight_map");
    for (int i = 0; i < cut.size(); i++) {
      String name =
          cut.size() == 1
              ? CheckpointFolder.SINGLE
              : "model-%05d-of-%05d.safetensors".formatted(i + 1, cut.size());
      SafetensorsWriter shard =
          SafetensorsWriter.create(
              temporary.resolve(name), cut.get(i), SafetensorsWriter.PYTORCH_METADATA);
      shards.add(shard);
      for (TensorInfo info : cut.get(i)) {
        weightMap.put(info.name(), name);
        if (owners.put(info.name(), shard) != null) {
          throw new IllegalArgumentException("tensor '" + info.name() + "' is planned twice");
        }
      }
    }
    if (cut.size() > 1) {
      Path file = temporary.resolve(CheckpointFolder.INDEX);
      Files.writeString(file, Json.pretty(index));
      AtomicFiles.flush(file);
    }
  }

  /// Writes one tensor of the plan.
  ///
  /// @throws UserException if the disk is full
  /// @throws IllegalArgumentException if the plan has no such tensor or says another shape or dtype
  public void write(String name, HostTensor tensor) {
    @Nullable SafetensorsWriter shard = owners.get(name);
    if (shard == null) {
      throw new IllegalArgumentException("tensor '" + name + "' is not in the plan");
    }
    try {
      shard.put(name, tensor);
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    }
  }

  /// Adds a small file, such as a run record, to the folder.
  public void addFile(String fileName, String text) {
    try {
      Path file = temporary.resolve(fileName);
      Files.writeString(file, text);
      AtomicFiles.flush(file);
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    }
  }

  /// Flushes everything and gives the folder its name.
  ///
  /// @throws UserException if that fails
  /// @throws IllegalStateException if a tensor of the plan was not written
  public void commit() {
    try {
      for (SafetensorsWriter shard : shards) {
        shard.finish();
        shard.close();
      }
      AtomicFiles.flush(temporary);
      checkTarget(folder, overwrite);
      if (Files.isDirectory(folder) && !isEmpty(folder)) {
        Path old = AtomicFiles.retiredSibling(folder);
        Files.move(folder, old, StandardCopyOption.ATOMIC_MOVE);
        Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
        AtomicFiles.deleteTree(old);
      } else {
        Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
      }
      AtomicFiles.flush(AtomicFiles.parent(folder));
      open = false;
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    }
  }

  /// After `commit()` nothing; before it, removes everything written.
  @Override
  public void close() {
    if (!open) {
      return;
    }
    open = false;
    try {
      for (SafetensorsWriter shard : shards) {
        shard.close();
      }
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    } finally {
      AtomicFiles.deleteTree(temporary);
    }
  }
}
