package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.text.records.ColumnMap;
import dev.fettle.text.records.RecordKind;
import dev.fettle.text.records.RecordOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which columns of the data hold what.
final class RecordArguments {
  @Option(
      names = "--data-format",
      paramLabel = "KIND",
      description =
          "prompt-completion, chatml (messages), sharegpt (conversations), alpaca or text"
              + " (default: told by the columns).")
  @Nullable String dataFormat;

  @Option(
      names = "--column-map",
      split = ",",
      paramLabel = "NAME=COLUMN,...",
      description = "Columns with other names, such as prompt=question,completion=answer.")
  List<String> columnMap = List.of();

  @Option(
      names = "--prompt-key",
      paramLabel = "COLUMN",
      description = "The same as --column-map prompt=COLUMN.")
  @Nullable String promptKey;

  @Option(
      names = "--completion-key",
      paramLabel = "COLUMN",
      description = "The same as --column-map completion=COLUMN.")
  @Nullable String completionKey;

  @Option(
      names = "--json-field",
      paramLabel = "KEY",
      description = "The field of a .json file whose array holds the rows (default: the only one).")
  String jsonField = "";

  @Option(
      names = "--chat-template-kwargs",
      paramLabel = "JSON",
      description =
          "Variables for the chat template of every conversation, such as '{\"enable_thinking\": false}'.")
  @Nullable String chatTemplateKwargs;

  /// @throws dev.fettle.tensor.UserException if a name is unknown
  RecordOptions options() {
    ColumnMap columns = ColumnMap.parse(columnMap);
    if (promptKey != null) {
      columns = columns.with("prompt", promptKey);
    }
    if (completionKey != null) {
      columns = columns.with("completion", completionKey);
    }
    return new RecordOptions(
        dataFormat == null ? null : RecordKind.parse(dataFormat),
        columns,
        jsonField,
        chatTemplateKwargs == null
            ? Json.object()
            : Json.parse(chatTemplateKwargs, "--chat-template-kwargs"));
  }
}
