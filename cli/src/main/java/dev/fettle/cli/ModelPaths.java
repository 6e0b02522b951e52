package dev.fettle.cli;

import dev.fettle.checkpoint.hub.CachedModel;
import dev.fettle.checkpoint.hub.HubEnvironment;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
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

  private ModelPaths() {}

  /// @throws dev.fettle.tensor.UserException if one names a model that was not fetched
  static void resolve(CommandSpec verb, Supplier<HubEnvironment> hub) {
    for (ArgSpec argument : verb.args()) {
      if (!isModel(argument)) {
        continue;
      }
      @Nullable Object value = argument.getValue();
      if (value instanceof Path path) {
        argument.setValue(CachedModel.pathOf(path, hub));
      } else if (value instanceof List<?> list && list.stream().allMatch(Path.class::isInstance)) {
        argument.setValue(list.stream().map(path -> CachedModel.pathOf((Path) path, hub)).toList());
      } else if (value instanceof String text && text.contains("/")) {
        argument.setValue(CachedModel.pathOf(Path.of(text), hub).toString());
      }
    }
  }

  private static boolean isModel(ArgSpec argument) {
    return argument instanceof OptionSpec option
        ? OPTIONS.contains(option.longestName())
        : argument.paramLabel().equals("MODEL");
  }
}
