package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A model that is one GGUF file or several, `NAME-00001-of-00003.gguf` and so on, as llama.cpp's
/// `gguf-split` cuts them: the metadata is the first file's, the tensors are those of all.
public final class GgufShards implements AutoCloseable {
  private static final Pattern SHARD = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");
  private static final String NUMBER = "split.no";
  private static final String COUNT = "split.count";
  private static final String TENSORS = "split.tensors.count";

  private final List<GgufFile> files;
  private final SequencedMap<String, GgufTensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, GgufFile> owners = new LinkedHashMap<>();

  private GgufShards(List<GgufFile> files) {
    this.files = List.copyOf(files);
    for (GgufFile file : files) {
      file.tensors()
          .forEach((name, info) -> {
            if (owners.putIfAbsent(name, file) != null) {
              throw new UserException(
                  "Tensor '%s' is in more than one file of %s."
                      .formatted(name, files.getFirst().path()));
            }
            tensors.put(name, info);
          });
    }
  }

  /// @param path a file that is not split, or the first of several
  /// @throws UserException if a file is missing or wrong in any way
  public static GgufShards open(Path path) {
    List<GgufFile> opened = new ArrayList<>();
    boolean done = false;
    try {
      opened.add(GgufFile.open(path));
      openOthers(path, opened);
      GgufShards shards = new GgufShards(opened);
      shards.checkCount();
      done = true;
      return shards;
    } finally {
      if (!done) {
        opened.forEach(GgufFile::close);
      }
    }
  }

  private static void openOthers(Path path, List<GgufFile> opened) {
    GgufMetadata metadata = opened.getFirst().metadata();
    @Nullable Integer count = metadata.whole(COUNT);
    if (count == null || count <= 1) {
      return;
    }
    Matcher matcher = SHARD.matcher(path.getFileName().toString());
    if (!matcher.matches() || Integer.parseInt(matcher.group(3)) != count) {
      throw new UserException(
          "File %s is one of %d parts, but is not called NAME-00001-of-%05d.gguf; give the parts their names back or join them with llama.cpp's gguf-split."
              .formatted(path, count, count));
    }
    @Nullable Integer number = metadata.whole(NUMBER);
    if (number == null || number != 0 || Integer.parseInt(matcher.group(2)) != 1) {
      throw new UserException(
          "File %s is not the first of its %d parts; name %s-00001-of-%05d.gguf."
              .formatted(path, count, matcher.group(1), count));
    }
    for (int i = 1; i < count; i++) {
      Path next =
          path.resolveSibling("%s-%05d-of-%05d.gguf".formatted(matcher.group(1), i + 1, count));
      if (!Files.exists(next)) {
        throw new UserException(
            "Part %s of the model %s is missing; put all %d parts into one folder."
                .formatted(next, path, count));
      }
      opened.add(GgufFile.open(next));
      @Nullable Integer found = opened.getLast().metadata().whole(NUMBER);
      if (found == null || found != i) {
        throw new UserException(
            "File %s says it is part %s of its model, but its name says part %d of %d."
                .formatted(next, found == null ? "none" : found + 1, i + 1, count));
      }
    }
  }

  private void checkCount() {
    @Nullable Integer expected = metadata().whole(TENSORS);
    if (files.size() > 1 && expected != null && expected != tensors.size()) {
      throw new UserException(
          "The %d parts of %s hold %d tensors, but the first says %d."
              .formatted(files.size(), path(), tensors.size(), expected));
    }
  }

  /// The first file.
  public Path path() {
    return files.getFirst().path();
  }

  /// Keys and values of the first file.
  public GgufMetadata metadata() {
    return files.getFirst().metadata();
  }

  /// The tensors of all files by name.
  public SequencedMap<String, GgufTensorInfo> tensors() {
    return Collections.unmodifiableSequencedMap(tensors);
  }

  /// The bytes of a tensor, a read-only view of the mapping; it ends with `close()`.
  ///
  /// @throws UserException if there is no tensor of this name
  public MemorySegment data(String name) {
    return owners.getOrDefault(name, files.getFirst()).data(name);
  }

  /// Unmaps the files.
  @Override
  public void close() {
    files.forEach(GgufFile::close);
  }
}
