package dev.fettle.doctor;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CompanionFile;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A model as the checks see it: each part is opened when the first check asks for it, and a part
/// that cannot be opened leaves the others to be examined.
final class Patient implements AutoCloseable {
  private final Path path;
  private final DoctorRequest request;
  private final Map<String, Attempt<Optional<ObjectNode>>> files = new HashMap<>();
  private final List<Runnable> closers = new ArrayList<>();
  private @Nullable Attempt<Checkpoint> checkpoint;
  private @Nullable Attempt<ModelConfig> config;
  private @Nullable Attempt<Tokenizer> tokenizer;
  private @Nullable Attempt<Optional<ChatTemplate>> template;
  private @Nullable TokenNames names;

  /// @param path the model of the request
  Patient(Path path, DoctorRequest request) {
    this.path = path;
    this.request = request;
  }

  Path path() {
    return path;
  }

  DoctorRequest request() {
    return request;
  }

  boolean isFolder() {
    return Files.isDirectory(path);
  }

  Attempt<Checkpoint> checkpoint() {
    if (checkpoint == null) {
      checkpoint = opened(() -> Checkpoint.open(path), Checkpoint::close);
    }
    return checkpoint;
  }

  /// `config.json`, which a folder may have without weights.
  Attempt<ModelConfig> config() {
    if (config == null) {
      config =
          isFolder()
              ? Attempt.of(() -> {
                Path file = path.resolve("config.json");
                return ModelConfig.parse(Json.read(file), file.toString());
              })
              : checkpoint().then(Checkpoint::config);
    }
    return config;
  }

  Attempt<Tokenizer> tokenizer() {
    if (tokenizer == null) {
      tokenizer = opened(() -> Tokenizer.load(path), Tokenizer::close);
    }
    return tokenizer;
  }

  /// The chat template; empty if there is none.
  Attempt<Optional<ChatTemplate>> template() {
    if (template == null) {
      template = Attempt.of(() -> Optional.ofNullable(request.dataset().template().load(path)));
    }
    return template;
  }

  /// The chat template if there is one that can be read.
  @Nullable ChatTemplate templateOrNull() {
    Optional<ChatTemplate> found = template().value();
    return found == null ? null : found.orElse(null);
  }

  /// What the tokens read.
  TokenNames names() {
    if (names == null) {
      names = TokenNames.of(json("tokenizer.json"), tokenizer().value());
    }
    return names;
  }

  /// A JSON file beside the weights; of a GGUF file the one it would become. An empty object where
  /// there is none or it cannot be read, which is another check's finding.
  ObjectNode json(String name) {
    Optional<ObjectNode> found = file(name).value();
    return found == null ? Json.object() : found.orElseGet(Json::object);
  }

  boolean has(String name) {
    Optional<ObjectNode> found = file(name).value();
    return found != null && found.isPresent();
  }

  /// As [#json], with the reason where it cannot be read; empty where there is none.
  Attempt<Optional<ObjectNode>> file(String name) {
    return files.computeIfAbsent(name, key -> Attempt.of(() -> read(key)));
  }

  private Optional<ObjectNode> read(String name) {
    if (isFolder()) {
      Path file = path.resolve(name);
      return Files.isRegularFile(file) ? Optional.of(Json.read(file)) : Optional.empty();
    }
    Checkpoint gguf = checkpoint().value();
    if (gguf == null) {
      return Optional.empty();
    }
    if (name.equals("config.json")) {
      return Optional.of(gguf.configJson());
    }
    return gguf.companions().stream()
        .filter(file -> file.name().equals(name))
        .findFirst()
        .map(Patient::parse);
  }

  private static ObjectNode parse(CompanionFile file) {
    return switch (file) {
      case CompanionFile.InMemory memory ->
          Json.parse(new String(memory.content(), StandardCharsets.UTF_8), memory.name());
      case CompanionFile.OnDisk disk -> Json.read(disk.path());
    };
  }

  private <T> Attempt<T> opened(Supplier<T> open, Consumer<T> close) {
    Attempt<T> attempt = Attempt.of(open);
    T value = attempt.value();
    if (value != null) {
      closers.add(() -> close.accept(value));
    }
    return attempt;
  }

  @Override
  public void close() {
    closers.reversed().forEach(Runnable::run);
  }
}
