package dev.fettle.cli;

import dev.fettle.checkpoint.hub.CachedModel;
import dev.fettle.checkpoint.hub.HubEnvironment;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Lets every verb take `org/model` where it takes the path of a model: before a verb runs, the
/// values of these options that name a model of a hub and no path become its folder in the cache.
/// This is the only place that knows both.
final class ModelPaths {
  private static final Set<String> OPTIONS =
      Set.of("--model", "--adapter", "--original", "--initial-adapter", "--tokenizer");

  /// Verbs that read `config.json` alone.
  private static final Set<String> CONFIGURATION_IS_ENOUGH = Set.of("plan", "memory");

  private ModelPaths() {}

  /// @throws dev.fettle.tensor.UserException if one names a model that was not fetched
  static void resolve(CommandSpec verb, Supplier<HubEnvironment> hub) {
    boolean weights = !CONFIGURATION_IS_ENOUGH.contains(verb.name());
    UnaryOperator<Path> resolved =
        path -> weights ? CachedModel.pathOf(path, hub) : CachedModel.configOf(path, hub);
    for (ArgSpec argument : verb.args()) {
      if (!isModel(argument)) {
        continue;
      }
      @Nullable Object value = argument.getValue();
      if (value instanceof Path path) {
        argument.setValue(resolved.apply(path));
      } else if (value instanceof List<?> list && list.stream().allMatch(Path.class::isInstance)) {
        argument.setValue(list.stream().map(path -> resolved.apply((Path) path)).toList());
      } else if (value instanceof String text && text.contains("/")) {
        argument.setValue(resolved.apply(Path.of(text)).toString());
      }
    }
  }

  private static boolean isModel(ArgSpec argument) {
    return argument instanceof OptionSpec option
        ? OPTIONS.contains(option.longestName())
        : argument.paramLabel().equals("MODEL");
  }
}
