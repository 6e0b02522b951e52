package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.hub.CachedModel;
import dev.fettle.checkpoint.hub.HubEnvironment;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.databind.JsonNode;

/// A command line with `--adapter` and without `--model`: the model is the one that the adapter
/// names as its base, a path or a name on a hub.
final class BaseModel {
  private static final String MODEL = "--model";
  private static final String ADAPTER = "--adapter";
  private static final String CONFIG = "adapter_config.json";

  private BaseModel() {}

  /// The same arguments, with `--model` if it was missing and the adapter names one.
  static List<String> complete(Console console, CommandLine root, List<String> arguments) {
    @Nullable CommandLine verb =
        arguments.isEmpty() ? null : root.getSubcommands().get(arguments.getFirst());
    if (verb == null || !needsModel(verb) || value(arguments, MODEL).isPresent()) {
      return arguments;
    }
    Optional<String> adapter = value(arguments, ADAPTER);
    Optional<String> base = adapter.flatMap(text -> baseOf(text, console.hub()));
    if (base.isEmpty()) {
      return arguments;
    }
    console.err().println("model: " + base.get() + ", the base of " + adapter.get());
    List<String> complete = new ArrayList<>(arguments);
    complete.add(1, MODEL + "=" + base.get());
    return complete;
  }

  private static boolean needsModel(CommandLine verb) {
    @Nullable OptionSpec model = verb.getCommandSpec().findOption(MODEL);
    return model != null && model.required() && verb.getCommandSpec().findOption(ADAPTER) != null;
  }

  private static Optional<String> value(List<String> arguments, String option) {
    for (int i = 0; i < arguments.size() && !arguments.get(i).equals("--"); i++) {
      String word = arguments.get(i);
      if (word.startsWith(option + "=")) {
        return Optional.of(word.substring(option.length() + 1));
      }
      if (word.equals(option) && i + 1 < arguments.size()) {
        return Optional.of(arguments.get(i + 1));
      }
    }
    return Optional.empty();
  }

  private static Optional<String> baseOf(String adapter, Supplier<HubEnvironment> hub) {
    Path config;
    try {
      config = CachedModel.pathOf(Path.of(adapter), hub).resolve(CONFIG);
    } catch (InvalidPathException e) {
      return Optional.empty(); // the option itself is refused for it
    }
    if (!Files.isRegularFile(config)) {
      return Optional.empty();
    }
    JsonNode base = Json.read(config).path("base_model_name_or_path");
    return base.isString() && !base.asString().isBlank()
        ? Optional.of(base.asString())
        : Optional.empty();
  }
}
