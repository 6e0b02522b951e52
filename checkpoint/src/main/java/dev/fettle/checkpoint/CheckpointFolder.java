package dev.fettle.checkpoint;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A Hugging Face model folder: `config.json` and one `model.safetensors`, or shards with
/// `model.safetensors.index.json`. Of a model that also sees images, the language model (see
/// [TextPart]).
public final class CheckpointFolder implements Checkpoint {
  static final String CONFIG = "config.json";
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  /// Where older tools put what is now in `config.json`, and what made a folder with such a file.
  private static final Map<String, String> QUANTIZATION_FILES =
      Map.of("quantize_config.json", "gptq", "quant_config.json", "awq");

  /// Files that belong to a model but hold no weights.
  private static final Pattern COMPANION =
      Pattern.compile(
          "(tokenizer.*|special_tokens_map\\.json|added_tokens\\.json|generation_config\\.json"
              + "|chat_template.*|vocab\\..*|merges\\.txt|LICENSE.*|NOTICE.*)");

  private final Path folder;
  private final ObjectNode config;
  private final List<SafetensorsFile> files;
  private final Map<String, Stored> owners = new LinkedHashMap<>();
  private final SequencedMap<String, TensorInfo> infos = new LinkedHashMap<>();

  private @Nullable Boolean anotherHead;

  /// Where a tensor is.
  ///
  /// @param name it has there
  private record Stored(SafetensorsFile file, String name) {}

  private CheckpointFolder(Path folder, ObjectNode whole, List<SafetensorsFile> files) {
    this.folder = folder;
    this.config = TextPart.config(whole);
    this.files = files;
    boolean part = TextPart.isIn(whole);
    for (SafetensorsFile file : files) {
      file.infos()
          .forEach((stored, info) -> add(file, info, part ? TextPart.name(stored) : stored));
    }
    nameTiedEmbedding();
  }

  /// Tools that store a shared tensor once may keep either of its names; transformers takes both.
  private void nameTiedEmbedding() {
    @Nullable Stored head = owners.get(Architecture.OUTPUT_HEAD);
    @Nullable TensorInfo info = infos.get(Architecture.OUTPUT_HEAD);
    if (head == null
        || info == null
        || owners.containsKey(Architecture.EMBEDDING)
        || !ModelConfig.parse(config, folder.resolve(CONFIG).toString()).tieWordEmbeddings()) {
      return;
    }
    owners.remove(Architecture.OUTPUT_HEAD);
    infos.remove(Architecture.OUTPUT_HEAD);
    owners.put(Architecture.EMBEDDING, head);
    infos.putFirst(
        Architecture.EMBEDDING, new TensorInfo(Architecture.EMBEDDING, info.dtype(), info.shape()));
  }

  private void add(SafetensorsFile file, TensorInfo info, @Nullable String name) {
    if (name == null) {
      return;
    }
    if (owners.putIfAbsent(name, new Stored(file, info.name())) != null) {
      throw new UserException(
          "Tensor '" + info.name() + "' is in more than one shard of " + folder + ".");
    }
    infos.put(name, new TensorInfo(name, info.dtype(), info.shape()));
  }

  /// @throws UserException if a file is missing, truncated or contradicts another
  public static CheckpointFolder open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new UserException(
          "Model folder "
              + folder
              + " does not exist; expected a folder with config.json and"
              + " model.safetensors.");
    }
    ObjectNode config = Json.read(folder.resolve(CONFIG));
    List<SafetensorsFile> opened = new ArrayList<>();
    boolean done = false;
    try {
      if (Files.exists(folder.resolve(SINGLE))) {
        opened.add(SafetensorsFile.open(folder.resolve(SINGLE)));
      } else if (Files.exists(folder.resolve(INDEX))) {
        openShards(folder, opened);
      } else {
        throw new UserException(
            "Folder "
                + folder
                + " has neither model.safetensors nor model.safetensors.index.json;"
                + " convert other formats to safetensors first.");
      }
      CheckpointFolder checkpoint = new CheckpointFolder(folder, config, opened);
      done = true;
      return checkpoint;
    } finally {
      if (!done) {
        opened.forEach(SafetensorsFile::close);
      }
    }
  }

  private static void openShards(Path folder, List<SafetensorsFile> opened) {
    Path index = folder.resolve(INDEX);
    if (!(Json.read(index).get("weight_map") instanceof ObjectNode weightMap)) {
      throw new UserException("Index " + index + " has no object 'weight_map'.");
    }
    Map<String, List<String>> tensorsByShard = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
      String shard = entry.getValue().asString("");
      if (!isFileName(shard)) {
        throw new UserException(
            "Index "
                + index
                + " places tensor '"
                + entry.getKey()
                + "' in '"
                + shard
                + "', which is not a file name.");
      }
      tensorsByShard.computeIfAbsent(shard, s -> new ArrayList<>()).add(entry.getKey());
    }
    tensorsByShard.forEach((shard, names) -> {
      if (!Files.exists(folder.resolve(shard))) {
        throw new UserException(
            "Shard "
                + folder.resolve(shard)
                + " is missing; "
                + index
                + " places "
                + names.size()
                + " tensors in it.");
      }
      SafetensorsFile file = SafetensorsFile.open(folder.resolve(shard));
      opened.add(file);
      for (String name : names) {
        if (!file.infos().containsKey(name)) {
          throw new UserException(
              "Index "
                  + index
                  + " places tensor '"
                  + name
                  + "' in "
                  + shard
                  + ", which does not hold it.");
        }
      }
    });
  }

  /// Whether the text names a file in the same folder, on this system.
  private static boolean isFileName(String text) {
    try {
      return !text.isEmpty()
          && !text.equals(".")
          && !text.equals("..")
          && Path.of(text).equals(Path.of(text).getFileName());
    } catch (InvalidPathException e) { // such as one with a NUL in it
      return false;
    }
  }

  @Override
  public Path path() {
    return folder;
  }

  /// Where the configuration ties the head to the embedding, but both are stored and differ, they
  /// are two, as in transformers.
  @Override
  public ModelConfig config() {
    ModelConfig parsed = ModelConfig.parse(config, folder.resolve(CONFIG).toString());
    return parsed.tieWordEmbeddings() && storesAnotherHead() ? parsed.withOwnHead() : parsed;
  }

  private boolean storesAnotherHead() {
    Boolean known = anotherHead;
    if (known == null) {
      known =
          infos.containsKey(Architecture.EMBEDDING)
              && infos.containsKey(Architecture.OUTPUT_HEAD)
              && tensor(Architecture.EMBEDDING)
                      .data()
                      .mismatch(tensor(Architecture.OUTPUT_HEAD).data())
                  != -1;
      anotherHead = known;
    }
    return known;
  }

  @Override
  public ObjectNode configJson() {
    return config.deepCopy();
  }

  @Override
  public @Nullable ObjectNode quantizationConfig() {
    if (config.get("quantization_config") instanceof ObjectNode node) {
      return node.deepCopy();
    }
    for (Map.Entry<String, String> beside : QUANTIZATION_FILES.entrySet()) {
      Path file = folder.resolve(beside.getKey());
      if (Files.exists(file)) {
        ObjectNode read = Json.read(file);
        boolean named = read.has("quant_method") || read.has("method");
        return named ? read : read.put("quant_method", beside.getValue());
      }
    }
    return null;
  }

  @Override
  public List<CompanionFile> companions() {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths
          .filter(Files::isRegularFile)
          .filter(path -> COMPANION.matcher(path.getFileName().toString()).matches())
          .sorted()
          .<CompanionFile>map(CompanionFile.OnDisk::new)
          .toList();
    } catch (IOException e) {
      throw new UserException("Cannot list " + folder + ": " + AtomicFiles.reason(e) + ".", e);
    }
  }

  @Override
  public SequencedMap<String, TensorInfo> infos() {
    return Collections.unmodifiableSequencedMap(infos);
  }

  @Override
  public HostTensor tensor(String name) {
    @Nullable Stored stored = owners.get(name);
    if (stored == null) {
      throw new UserException("Model " + folder + " has no tensor '" + name + "'.");
    }
    return stored.file().tensor(stored.name());
  }

  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }
}
