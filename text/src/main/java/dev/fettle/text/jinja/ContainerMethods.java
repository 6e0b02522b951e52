package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Python's `list`, `tuple` and `dict` methods. Those that change the container exist but cannot be
/// called, as in jinja2's `ImmutableSandboxedEnvironment`.
final class ContainerMethods {
  private static final Set<String> LIST_CHANGES =
      Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");
  private static final Set<String> DICT_CHANGES =
      Set.of("clear", "pop", "popitem", "setdefault", "update");

  private ContainerMethods() {}

  static @Nullable Value find(Value.Seq self, String name) {
    if (self.kind() == Value.SeqKind.LIST && LIST_CHANGES.contains(name)) {
      return unsafe(self, name);
    }
    if (!self.kind().indexed()) {
      return null;
    }
    return switch (name) {
      case "index" -> new Value.Function(name, a -> Value.of(index(self, a.required(0, "value"))));
      case "count" -> new Value.Function(name, a -> Value.of(count(self, a.required(0, "value"))));
      case "copy" -> self.kind() == Value.SeqKind.LIST ? new Value.Function(name, _ -> self) : null;
      default -> null;
    };
  }

  static @Nullable Value find(Value.Dict self, String name) {
    if (DICT_CHANGES.contains(name)) {
      return unsafe(self, name);
    }
    Value.Function.Body body =
        switch (name) {
          case "get" -> a -> get(self, a);
          case "keys" ->
              _ -> new Value.Seq(new ArrayList<>(self.entries().keySet()), Value.SeqKind.DICT_KEYS);
          case "values" ->
              _ ->
                  new Value.Seq(
                      new ArrayList<>(self.entries().values()), Value.SeqKind.DICT_VALUES);
          case "items" -> _ -> new Value.Seq(items(self), Value.SeqKind.DICT_ITEMS);
          case "copy" -> _ -> new Value.Dict(new LinkedHashMap<>(self.entries()));
          default -> null;
        };
    return body == null ? null : new Value.Function(name, body);
  }

  /// The entries as tuples of key and value.
  static List<Value> items(Value.Dict dict) {
    List<Value> items = new ArrayList<>();
    dict.entries().forEach((key, value) -> items.add(Value.tuple(key, value)));
    return items;
  }

  private static Value get(Value.Dict dict, Arguments arguments) {
    Value value = dict.entries().get(arguments.required(0, "key"));
    return value != null ? value : arguments.get(1, "default", Value.None.NONE);
  }

  private static long index(Value.Seq seq, Value wanted) {
    for (int i = 0; i < seq.items().size(); i++) {
      if (Operators.equal(seq.items().get(i), wanted)) {
        return i;
      }
    }
    throw TemplateException.value(PythonText.repr(wanted) + " is not in list");
  }

  private static long count(Value.Seq seq, Value wanted) {
    return seq.items().stream().filter(item -> Operators.equal(item, wanted)).count();
  }

  private static Value unsafe(Value self, String name) {
    return new Value.Undefined(
        "access to attribute '%s' of '%s' object is unsafe."
            .formatted(name, PythonText.typeName(self)),
        Kind.SECURITY);
  }
}
