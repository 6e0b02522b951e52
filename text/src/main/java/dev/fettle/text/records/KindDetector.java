package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Tells the kind of a file's rows by the columns of its first row, and holds the others to it.
final class KindDetector {
  /// Columns that other data sets use, with the map that reads them.
  private static final List<Elsewhere> KNOWN_ELSEWHERE =
      List.of(
          new Elsewhere("prompt=question,completion=answer", "question", "answer"),
          new Elsewhere("prompt=question,completion=response", "question", "response"),
          new Elsewhere("prompt=query,completion=response", "query", "response"),
          new Elsewhere("completion=response", "prompt", "response"),
          new Elsewhere("completion=chosen", "prompt", "chosen"),
          new Elsewhere("input=context,output=response", "instruction", "context", "response"),
          new Elsewhere("output=response", "instruction", "response"),
          new Elsewhere("prompt=input,completion=output", "input", "output"),
          new Elsewhere("messages=conversation", "conversation"),
          new Elsewhere("text=content", "content"));

  /// Alpaca's own rows have a `text` too: the other columns in its prompt.
  private static final List<RecordKind> RENDERED = List.of(RecordKind.ALPACA, RecordKind.TEXT);

  private record Elsewhere(String map, List<String> columns) {
    Elsewhere(String map, String... columns) {
      this(map, List.of(columns));
    }
  }

  private final RecordOptions options;
  private final String unit;
  private @Nullable RecordKind kind;
  private long decidedBy;

  KindDetector(RecordOptions options, String unit) {
    this.options = options;
    this.unit = unit;
    this.kind = options.kind();
  }

  /// @throws UserException if the row's columns are of no kind, of several, or of another kind than
  ///   the rows before
  RecordKind of(Row row) {
    ObjectNode columns = row.columns();
    @Nullable RecordKind known = kind;
    if (known == null) {
      known = detect(columns);
      kind = known;
      decidedBy = row.number();
    } else if (!known.matches(options.columns(), columns::has)) {
      throw new UserException(differs(known, columns));
    }
    return known;
  }

  private String differs(RecordKind known, ObjectNode columns) {
    List<String> expected = known.required().stream().map(options.columns()::column).toList();
    String found = "found the columns " + columns.propertyNames();
    if (decidedBy == 0) {
      return "--data-format %s needs the columns %s, %s; name them with --column-map %s=COLUMN."
          .formatted(known.text(), expected, found, known.required().getFirst());
    }
    return "expected the columns %s as in %s %d, %s; keep rows of different kinds in different files."
        .formatted(expected, unit, decidedBy, found);
  }

  private RecordKind detect(ObjectNode columns) {
    List<RecordKind> named =
        Arrays.stream(RecordKind.values()).filter(k -> k.named(options.columns())).toList();
    Collection<RecordKind> candidates = named.isEmpty() ? List.of(RecordKind.values()) : named;
    List<RecordKind> matching = matching(candidates, columns::has);
    if (matching.size() > 1) {
      List<RecordKind> filled =
          matching(candidates, name -> columns.has(name) && !columns.path(name).isNull());
      matching = filled.isEmpty() ? matching : filled;
    }
    if (matching.size() == 1 || matching.equals(RENDERED)) {
      return matching.getFirst();
    }
    if (matching.isEmpty()) {
      throw new UserException(unknown(columns, named));
    }
    List<String> kinds = matching.stream().map(RecordKind::text).toList();
    throw new UserException(
        "the columns %s can be read as %s; say which, with --data-format %s."
            .formatted(columns.propertyNames(), String.join(" or as ", kinds), kinds.getFirst()));
  }

  private List<RecordKind> matching(Collection<RecordKind> candidates, Predicate<String> has) {
    return candidates.stream().filter(kind -> kind.matches(options.columns(), has)).toList();
  }

  private String unknown(ObjectNode columns, List<RecordKind> named) {
    if (!named.isEmpty()) {
      List<String> expected =
          named.getFirst().required().stream().map(options.columns()::column).toList();
      return "expected the columns %s, found %s; mend --column-map."
          .formatted(expected, columns.propertyNames());
    }
    for (Elsewhere known : KNOWN_ELSEWHERE) {
      if (columns.propertyNames().containsAll(known.columns())) {
        return "the columns %s are of no kind known by its names; --column-map %s reads them."
            .formatted(columns.propertyNames(), known.map());
      }
    }
    return "expected the columns \"prompt\" and \"completion\", or \"messages\", or \"conversations\", or \"instruction\" and \"output\", or \"text\", found %s; map yours, as in --column-map prompt=question,completion=answer."
        .formatted(columns.propertyNames());
  }
}
