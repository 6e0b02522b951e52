package dev.fettle.checkpoint.hub;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Models of the cache under the name that they have on the hub.
public final class CachedModel {
  private static final String INDEX = "model.safetensors.index.json";

  private static final Pattern SNAPSHOT =
      Pattern.compile("(?:^|/)models--([^/]+)/snapshots/[0-9a-f]{40}/?$");

  private CachedModel() {}

  /// The path itself if something is there, or if it cannot be the name of a model; else the model
  /// of that name in the cache: its folder, or its GGUF file.
  ///
  /// @param environment asked only if nothing is there
  /// @throws UserException if it is a name and the model was not fetched, or only in part
  public static Path pathOf(Path path, Supplier<HubEnvironment> environment) {
    return pathOf(path, environment, true);
  }

  /// The same for those who read `config.json` alone: nothing else needs to have been fetched.
  ///
  /// @throws UserException if it is a name and nothing was fetched
  public static Path configOf(Path path, Supplier<HubEnvironment> environment) {
    return pathOf(path, environment, false);
  }

  private static Path pathOf(Path path, Supplier<HubEnvironment> environment, boolean weights) {
    String text = path.toString().replace('\\', '/');
    if (text.isEmpty() || Files.exists(path)) {
      return path;
    }
    Optional<ModelName> name = ModelName.tryParse(text);
    if (name.isEmpty()) {
      return path;
    }
    HubEnvironment hub = environment.get();
    Optional<Path> folder = HubCache.find(hub, name.get());
    if (folder.isPresent() && !weights && has(folder.get(), "config.json")) {
      return folder.get();
    }
    if (folder.isPresent()) {
      return model(folder.get(), name.get());
    }
    if (!name.get().id().contains("/") && name.get().revision() == null) {
      return path; // more likely a folder that is not there; the verb says so
    }
    throw new UserException(
        "There is no folder or file '%s' here, and no such model in the cache %s; fetch it with: fettle fetch %s%s"
            .formatted(text, hub.cache(), text, weights ? "" : " config.json"));
  }

  /// The name that a model has on the hub, `org/model`, if the path is a snapshot of the cache;
  /// else the path as text. This is what is written down as the base of an adapter, so that it
  /// means the same on another machine.
  public static String nameOf(Path path) {
    Matcher matcher = SNAPSHOT.matcher(path.toString().replace('\\', '/'));
    return matcher.find() ? matcher.group(1).replace("--", "/") : path.toString();
  }

  private static Path model(Path folder, ModelName name) {
    List<Path> files = files(folder);
    @Nullable String file = name.file();
    if (file != null) {
      return chosen(files, folder, file)
          .orElseThrow(() -> incomplete(name, "'" + file + "' was not fetched"));
    }
    if (has(folder, "model.safetensors") || has(folder, "adapter_config.json")) {
      return folder;
    }
    if (has(folder, INDEX)) {
      Json.read(folder.resolve(INDEX))
          .path("weight_map")
          .valueStream()
          .map(JsonNode::asString)
          .filter(shard -> RepoPath.isSafe(shard) && !has(folder, shard))
          .findFirst()
          .ifPresent(shard -> {
            throw incomplete(name, shard + " is missing");
          });
      return folder;
    }
    List<Path> ggufs = files.stream().filter(CachedModel::isFirstGguf).toList();
    if (ggufs.size() > 1) {
      throw new UserException(
          "%s has several GGUF files in the cache; name one: %s"
              .formatted(
                  name,
                  String.join(
                      ", ",
                      ggufs.stream().map(gguf -> name + ":" + relative(folder, gguf)).toList())));
    }
    if (ggufs.isEmpty() && files.stream().noneMatch(CachedModel::isSafetensors)) {
      throw incomplete(name, "there are no weights");
    }
    return ggufs.isEmpty() ? folder : ggufs.getFirst();
  }

  private static Optional<Path> chosen(List<Path> files, Path folder, String wanted) {
    Optional<Path> exact =
        files.stream().filter(file -> relative(folder, file).equals(wanted)).findFirst();
    return exact.isPresent()
        ? exact
        : files.stream()
            .filter(CachedModel::isFirstGguf)
            .filter(file -> FileChoice.isModel(relative(folder, file), wanted))
            .findFirst();
  }

  private static UserException incomplete(ModelName name, String why) {
    return new UserException(
        "Only a part of %s is in the cache (%s); fetch the rest with: fettle fetch %s"
            .formatted(name, why, name));
  }

  private static boolean has(Path folder, String name) {
    return Files.isRegularFile(folder.resolve(name));
  }

  private static String relative(Path folder, Path file) {
    return folder.relativize(file).toString().replace('\\', '/');
  }

  private static boolean isSafetensors(Path file) {
    return file.getFileName().toString().endsWith(".safetensors");
  }

  /// A GGUF model, and of one in shards the first.
  private static boolean isFirstGguf(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return name.endsWith(".gguf")
        && !name.contains("mmproj")
        && (!name.matches(".*-\\d{5}-of-\\d{5}\\.gguf") || name.contains("-00001-of-"));
  }

  private static List<Path> files(Path folder) {
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new UserException("Cannot read " + folder + ".", e);
    }
  }
}
