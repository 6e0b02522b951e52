package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// What a row trains, told by its columns.
public enum RecordKind {
  /// `prompt`, `completion`: two strings, or two lists of messages.
  PROMPT_COMPLETION("prompt-completion", List.of("prompt", "completion"), List.of("tools")),
  /// `messages`: a list of `role`, `content`; the layout of OpenAI and of TRL.
  CHATML("chatml", List.of("messages"), List.of("tools")),
  /// `conversations`: a list of `from`, `value`; ShareGPT's layout.
  SHAREGPT("sharegpt", List.of("conversations"), List.of("system", "tools")),
  /// `instruction`, `output`, and perhaps `input`: Stanford Alpaca's layout.
  ALPACA("alpaca", List.of("instruction", "output"), List.of("input")),
  /// `text`: everything is learned.
  TEXT("text", List.of("text"), List.of());

  private final String text;
  private final List<String> required;
  private final List<String> optional;

  RecordKind(String text, List<String> required, List<String> optional) {
    this.text = text;
    this.required = required;
    this.optional = optional;
  }

  /// As it is written on the command line.
  public String text() {
    return text;
  }

  /// @throws UserException if it is no kind
  public static RecordKind parse(String text) {
    for (RecordKind kind : values()) {
      if (kind.text.equals(text)) {
        return kind;
      }
    }
    throw new UserException(
        "--data-format '%s' is unknown; expected one of %s."
            .formatted(
                text,
                Arrays.stream(values()).map(RecordKind::text).collect(Collectors.joining(", "))));
  }

  List<String> required() {
    return required;
  }

  /// Whether a row that has these columns is of this kind.
  boolean matches(ColumnMap map, Predicate<String> has) {
    return required.stream().allMatch(name -> has.test(map.column(name)));
  }

  /// Whether an object with these names is a record of some kind.
  static boolean isRecord(Collection<String> names) {
    return Arrays.stream(values()).anyMatch(kind -> names.containsAll(kind.required));
  }

  /// The columns of all kinds.
  static Set<String> columnNames() {
    Set<String> names = new TreeSet<>();
    for (RecordKind kind : values()) {
      names.addAll(kind.required);
      names.addAll(kind.optional);
    }
    return names;
  }

  /// Whether the column map speaks of this kind: it names a column that the kind requires.
  boolean named(ColumnMap map) {
    return required.stream().anyMatch(map.names()::containsKey);
  }
}
