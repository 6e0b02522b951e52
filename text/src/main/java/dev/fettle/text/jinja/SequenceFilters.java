package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Expression.Operator;
import dev.fettle.text.jinja.Filters.Filter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// The filters that go over lists and dicts.
///
/// Where Jinja gives a generator the result is one too, but computed at once.
final class SequenceFilters {
  private SequenceFilters() {}

  static @Nullable Filter find(String name) {
    return switch (name) {
      case "list" -> (v, _, _) -> Value.list(Operators.iterate(v));
      case "first" -> (v, _, _) -> first(Operators.iterate(v));
      case "last" -> (v, _, _) -> last(Operators.iterate(v));
      case "join" -> SequenceFilters::join;
      case "items" -> (v, _, _) -> items(v);
      case "dictsort" -> SequenceFilters::dictSort;
      case "map" -> SequenceFilters::map;
      case "select" -> (v, a, e) -> filtered(v, test(a, e));
      case "reject" -> (v, a, e) -> filtered(v, test(a, e).negate());
      case "selectattr" -> (v, a, e) -> filtered(v, attributeTest(a, e));
      case "rejectattr" -> (v, a, e) -> filtered(v, attributeTest(a, e).negate());
      case "sort" -> SequenceFilters::sort;
      case "unique" -> SequenceFilters::unique;
      case "reverse" -> (v, _, _) -> reverse(v);
      case "sum" -> SequenceFilters::sum;
      case "min" -> (v, a, e) -> extreme(v, a, e, -1);
      case "max" -> (v, a, e) -> extreme(v, a, e, 1);
      default -> GroupFilters.find(name);
    };
  }

  private static Value first(List<Value> items) {
    return items.isEmpty()
        ? Value.Undefined.of("No first item, sequence was empty.")
        : items.getFirst();
  }

  private static Value last(List<Value> items) {
    return items.isEmpty()
        ? Value.Undefined.of("No last item, sequence was empty.")
        : items.getLast();
  }

  private static Value join(Value value, Arguments arguments, Evaluator evaluator) {
    String separator = PythonText.str(arguments.get(0, "d", Value.of("")));
    UnaryOperator<Value> key = attribute(arguments.get(1, "attribute"), evaluator);
    List<String> texts = Operators.iterate(value).stream().map(key).map(PythonText::str).toList();
    return Value.of(StringMethods.joined(separator, texts, evaluator.budget()));
  }

  private static Value items(Value value) {
    return switch (value) {
      case Value.Undefined _ -> Value.generator(List.of());
      case Value.Dict dict -> Value.generator(ContainerMethods.items(dict));
      default -> throw TemplateException.type("Can only get item pairs from a mapping.");
    };
  }

  private static Value dictSort(Value value, Arguments arguments, Evaluator evaluator) {
    evaluator.budget().allowSort(value);
    if (!(value instanceof Value.Dict dict)) {
      Operators.failIfUndefined(value);
      throw TemplateException.type("dictsort needs a mapping, not " + PythonText.typeName(value));
    }
    boolean caseSensitive = arguments.flag(0, "case_sensitive", false);
    int place =
        switch (PythonText.str(arguments.get(1, "by", Value.of("key")))) {
          case "key" -> 0;
          case "value" -> 1;
          default ->
              throw TemplateException.value("You can only sort by either \"key\" or \"value\"");
        };
    Comparator<Value> order =
        comparing(item -> ((Value.Seq) item).items().get(place), caseSensitive);
    List<Value> items = new ArrayList<>(ContainerMethods.items(dict));
    items.sort(arguments.flag(2, "reverse", false) ? order.reversed() : order);
    return Value.list(items);
  }

  private static Value map(Value value, Arguments arguments, Evaluator evaluator) {
    UnaryOperator<Value> each;
    if (arguments.positional().isEmpty()) {
      Value attribute = arguments.required(0, "attribute");
      Value otherwise = arguments.named().get("default");
      UnaryOperator<Value> getter = attribute(attribute, evaluator);
      each =
          item -> {
            Value found = getter.apply(item);
            return found instanceof Value.Undefined && otherwise != null ? otherwise : found;
          };
    } else {
      String filter = arguments.text(0, "filter");
      each = item -> evaluator.filter(filter, item, arguments.rest());
    }
    return Value.generator(Operators.iterate(value).stream().map(each).toList());
  }

  private static Value filtered(Value value, Predicate<Value> keep) {
    return Value.generator(Operators.iterate(value).stream().filter(keep).toList());
  }

  /// `select("test", arguments)`; without a test, truth.
  private static Predicate<Value> test(Arguments arguments, Evaluator evaluator) {
    if (arguments.positional().isEmpty()) {
      return Operators::truth;
    }
    String name = arguments.text(0, "test");
    return item -> evaluator.test(name, item, arguments.rest());
  }

  private static Predicate<Value> attributeTest(Arguments arguments, Evaluator evaluator) {
    UnaryOperator<Value> key = attribute(arguments.required(0, "attribute"), evaluator);
    Predicate<Value> test = test(arguments.rest(), evaluator);
    return item -> test.test(key.apply(item));
  }

  private static Value sort(Value value, Arguments arguments, Evaluator evaluator) {
    evaluator.budget().allowSort(value);
    boolean caseSensitive = arguments.flag(1, "case_sensitive", false);
    Value paths = arguments.get(2, "attribute");
    Comparator<Value> order = comparing(attribute(null, evaluator), caseSensitive);
    if (paths != null) {
      order = (_, _) -> 0;
      for (String path : PythonText.str(paths).split(",", -1)) {
        order = order.thenComparing(comparing(attribute(Value.of(path), evaluator), caseSensitive));
      }
    }
    List<Value> items = new ArrayList<>(Operators.iterate(value));
    items.sort(arguments.flag(0, "reverse", false) ? order.reversed() : order);
    return Value.list(items);
  }

  private static Value unique(Value value, Arguments arguments, Evaluator evaluator) {
    evaluator.budget().spend(Extent.of(value).weight());
    boolean caseSensitive = arguments.flag(0, "case_sensitive", false);
    UnaryOperator<Value> key = attribute(arguments.get(1, "attribute"), evaluator);
    Set<Value> seen = new HashSet<>();
    return filtered(value, item -> seen.add(folded(key.apply(item), caseSensitive)));
  }

  private static Value reverse(Value value) {
    if (value instanceof Value.Str text) {
      return new Value.Str(new StringBuilder(text.value()).reverse().toString(), text.markup());
    }
    return Value.generator(Operators.iterate(value).reversed());
  }

  private static Value sum(Value value, Arguments arguments, Evaluator evaluator) {
    UnaryOperator<Value> key = attribute(arguments.get(0, "attribute"), evaluator);
    Value total = arguments.get(1, "start", Value.of(0));
    for (Value item : Operators.iterate(value)) {
      total = evaluator.arithmetic(Operator.ADD, total, key.apply(item));
    }
    return total;
  }

  private static Value extreme(
      Value value, Arguments arguments, Evaluator evaluator, int direction) {
    evaluator.budget().spend(Extent.of(value).weight());
    Comparator<Value> order =
        comparing(
            attribute(arguments.get(1, "attribute"), evaluator),
            arguments.flag(0, "case_sensitive", false));
    Value best = null;
    for (Value item : Operators.iterate(value)) {
      best = best == null || direction * order.compare(item, best) > 0 ? item : best;
    }
    return best == null ? Value.Undefined.of("No aggregated item, sequence was empty.") : best;
  }

  static Comparator<Value> comparing(UnaryOperator<Value> key, boolean caseSensitive) {
    return (a, b) ->
        Operators.order(
            "<", folded(key.apply(a), caseSensitive), folded(key.apply(b), caseSensitive));
  }

  static Value folded(Value value, boolean caseSensitive) {
    return !caseSensitive && value instanceof Value.Str text
        ? Value.of(text.value().toLowerCase(Locale.ROOT))
        : value;
  }

  /// Follows `a.b.0`; the item itself if there is no path.
  static UnaryOperator<Value> attribute(@Nullable Value path, Evaluator evaluator) {
    if (path == null || path instanceof Value.None) {
      return UnaryOperator.identity();
    }
    if (path instanceof Value.Int) {
      return item -> evaluator.access().item(item, path);
    }
    String[] names = PythonText.str(path).split("\\.", -1);
    return item -> {
      Value value = item;
      for (String name : names) {
        Value key = name.matches("[0-9]{1,9}") ? Value.of(Long.parseLong(name)) : Value.of(name);
        value = evaluator.access().item(value, key);
      }
      return value;
    };
  }
}
