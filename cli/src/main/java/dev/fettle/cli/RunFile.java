package dev.fettle.cli;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.Json;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Writes the file that repeats a run: the options it was given, for `--config`.
final class RunFile {
  /// Its name in an output folder.
  static final String NAME = "fettle-run.yaml";

  /// Options that do not change what a run writes.
  private static final Set<String> LEFT_OUT =
      Set.of(
          ConfigArguments.CONFIG,
          "--json",
          "--stack-trace",
          "--help",
          "--resume",
          "--output",
          "--report",
          "--ignore-plan",
          "--max-memory");

  /// Texts that YAML 1.1 and 1.2 read back as they are, without quotes.
  private static final Pattern PLAIN =
      Pattern.compile("[A-Za-z0-9_./][A-Za-z0-9_./=+-]*(:[A-Za-z0-9_./=+-]+)*");

  private static final Pattern READ_AS_SOMETHING_ELSE =
      Pattern.compile("(?i)true|false|null|yes|no|on|off|y|n|[0-9]+(:[0-9]+)+|0[0-9_]+");

  private RunFile() {}

  /// @param file where to, such as `fettle-run.yaml` in the output folder
  /// @param verb after it was run
  /// @throws dev.fettle.tensor.UserException if the file cannot be written
  static void write(Path file, CommandSpec verb) {
    AtomicFiles.writeString(file, text(verb));
  }

  static String text(CommandSpec verb) {
    String name = verb.qualifiedName();
    StringBuilder text = new StringBuilder();
    text.append(
        "# Written by %s, version %s. The same run again:\n".formatted(name, Version.number()));
    text.append("#   %s --config %s --output ANOTHER\n".formatted(name, NAME));
    text.append("# Paths are relative to the folder the command ran in.\n");
    for (OptionSpec option :
        verb.commandLine().getParseResult().matchedOptions().stream().distinct().toList()) {
      if (!LEFT_OUT.contains(option.longestName())) {
        append(option, text);
      }
    }
    return text.toString();
  }

  private static void append(OptionSpec option, StringBuilder text) {
    text.append(option.longestName().substring(2)).append(':');
    List<String> values = values(option);
    if (!option.isMultiValue()) {
      text.append(' ').append(scalar(values.getLast())).append('\n');
      return;
    }
    text.append('\n');
    values.forEach(value -> text.append("  - ").append(scalar(value)).append('\n'));
  }

  private static List<String> values(ArgSpec option) {
    if (option.arity().max() == 0) {
      return List.of(Boolean.toString(Boolean.TRUE.equals(option.getValue())));
    }
    return new ArrayList<>(option.originalStringValues());
  }

  static String scalar(String value) {
    boolean plain =
        PLAIN.matcher(value).matches() && !READ_AS_SOMETHING_ELSE.matcher(value).matches();
    return plain || value.equals("true") || value.equals("false")
        ? value
        : Json.compact(Json.object().put("v", value).get("v"));
  }
}
