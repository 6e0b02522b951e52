package dev.fettle.cli;

import dev.fettle.quantize.NearestName;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// A command line in which `--config FILE` stands: the options of the file are put before those of
/// the command line, which win where both name one.
///
/// @param arguments the whole command line
/// @param origins by option, where in a file its value comes from
record ConfigArguments(List<String> arguments, Map<String, String> origins) {
  static final String CONFIG = "--config";

  /// Options that belong to a command line alone.
  private static final Set<String> NOT_IN_FILES = Set.of(CONFIG, "--help");

  /// @param root the verbs
  /// @throws UserException if the file cannot be read or has a key that is no option of the verb
  static ConfigArguments of(CommandLine root, String... args) {
    int words = 0;
    CommandLine verb = root;
    while (words < args.length
        && verb.getSubcommands().get(args[words]) instanceof CommandLine next) {
      verb = next;
      words++;
    }
    List<String> own = Arrays.asList(args).subList(words, args.length);
    @Nullable Path file = file(own);
    if (file == null || verb == root) {
      return new ConfigArguments(List.of(args), Map.of());
    }
    List<String> all = new ArrayList<>(Arrays.asList(args).subList(0, words));
    Map<String, String> origins = new TreeMap<>();
    ConfigFile config = ConfigFile.read(file);
    for (Map.Entry<String, ConfigFile.Entry> entry : config.entries().entrySet()) {
      OptionSpec option = option(verb.getCommandSpec(), entry.getKey(), config, entry.getValue());
      if (!isGiven(option, own)) {
        origins.put(option.longestName(), config.at(entry.getValue().line()));
        all.addAll(words(option, entry.getKey(), config, entry.getValue()));
      }
    }
    all.addAll(own);
    return new ConfigArguments(List.copyOf(all), origins);
  }

  private static @Nullable Path file(List<String> args) {
    @Nullable Path file = null;
    for (int i = 0; i < args.size() && !args.get(i).equals("--"); i++) {
      String word = args.get(i);
      if (word.startsWith(CONFIG + "=")) {
        file = Path.of(word.substring(CONFIG.length() + 1));
      } else if (word.equals(CONFIG) && i + 1 < args.size()) {
        file = Path.of(args.get(i + 1));
      }
    }
    return file;
  }

  private static OptionSpec option(
      CommandSpec verb, String key, ConfigFile config, ConfigFile.Entry entry) {
    String name = "--" + key.replace('_', '-');
    @Nullable OptionSpec option = verb.optionsMap().get(name);
    if (option != null && !NOT_IN_FILES.contains(option.longestName())) {
      return option;
    }
    Set<String> names = new TreeSet<>();
    for (OptionSpec known : verb.options()) {
      if (!NOT_IN_FILES.contains(known.longestName())) {
        names.add(known.longestName().substring(2));
      }
    }
    throw new UserException(
        "%s: '%s' is no option of %s%s."
            .formatted(
                config.at(entry.line()),
                key,
                verb.qualifiedName(),
                NearestName.nearest(name.substring(2), names)
                    .map(nearest -> "; the nearest is '" + nearest + "'")
                    .orElse("")));
  }

  /// Whether the command line names the option, in any of its forms.
  private static boolean isGiven(OptionSpec option, List<String> args) {
    Set<String> names = new TreeSet<>(List.of(option.names()));
    if (option.negatable()) {
      names.add(negated(option));
    }
    for (String word : args) {
      if (word.equals("--")) {
        return false;
      }
      int equals = word.indexOf('=');
      if (names.contains(equals < 0 ? word : word.substring(0, equals))) {
        return true;
      }
    }
    return false;
  }

  private static List<String> words(
      OptionSpec option, String key, ConfigFile config, ConfigFile.Entry entry) {
    String name = option.longestName();
    if (entry.object() && !option.paramLabel().equals(JsonOption.LABEL)) {
      throw new UserException(
          "Key '%s': %s: expected a value or a list of values."
              .formatted(key, config.at(entry.line())));
    }
    if (entry.list() && !option.isMultiValue()) {
      throw new UserException(
          "%s: '%s' takes one value, not a list.".formatted(config.at(entry.line()), key));
    }
    if (option.arity().max() > 0) {
      return entry.values().stream().map(value -> name + "=" + value).toList();
    }
    return switch (entry.values().getFirst()) {
      case "true" -> List.of(name);
      case "false" -> option.negatable() ? List.of(negated(option)) : List.of();
      default ->
          throw new UserException(
              "%s: '%s' is true or false, not '%s'."
                  .formatted(config.at(entry.line()), key, entry.values().getFirst()));
    };
  }

  static String negated(OptionSpec option) {
    return "--no-" + option.longestName().substring(2);
  }
}
