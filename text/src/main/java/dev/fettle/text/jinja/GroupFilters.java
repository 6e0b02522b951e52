package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Filters.Filter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// The filters that cut sequences into parts.
final class GroupFilters {
  private GroupFilters() {}

  static @Nullable Filter find(String name) {
    return switch (name) {
      case "batch" -> GroupFilters::batch;
      case "slice" -> GroupFilters::slice;
      case "groupby" -> GroupFilters::groupBy;
      default -> null;
    };
  }

  private static Value batch(Value value, Arguments arguments, Evaluator evaluator) {
    int size = Math.clamp(arguments.index(0, "linecount"), 1, Integer.MAX_VALUE);
    Value fill = arguments.get(1, "fill_with", Value.None.NONE);
    List<Value> items = Operators.iterate(value);
    List<Value> batches = new ArrayList<>();
    for (int start = 0; start < items.size(); start += size) {
      List<Value> batch =
          new ArrayList<>(items.subList(start, (int) Math.min(items.size(), (long) start + size)));
      if (!(fill instanceof Value.None) && batch.size() < size) {
        evaluator.budget().allowText(1, size);
        batch.addAll(Collections.nCopies(size - batch.size(), fill));
      }
      batches.add(Value.list(batch));
    }
    return Value.generator(batches);
  }

  private static Value slice(Value value, Arguments arguments, Evaluator evaluator) {
    int count = Math.clamp(arguments.index(0, "slices"), 1, Integer.MAX_VALUE);
    Value fill = arguments.get(1, "fill_with", Value.None.NONE);
    List<Value> items = Operators.iterate(value);
    evaluator.budget().spend(count);
    int each = items.size() / count;
    int longer = items.size() % count;
    List<Value> slices = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < count; i++) {
      int end = start + each + (i < longer ? 1 : 0);
      List<Value> slice = new ArrayList<>(items.subList(start, end));
      if (!(fill instanceof Value.None) && i >= longer) {
        slice.add(fill);
      }
      slices.add(Value.list(slice));
      start = end;
    }
    return Value.generator(slices);
  }

  /// Tuples of what is common to a group, and its items, in the order of the former.
  private static Value groupBy(Value value, Arguments arguments, Evaluator evaluator) {
    evaluator.budget().allowSort(value);
    boolean caseSensitive = arguments.flag(2, "case_sensitive", false);
    @Nullable Value otherwise = arguments.get(1, "default");
    UnaryOperator<Value> attribute =
        SequenceFilters.attribute(arguments.required(0, "attribute"), evaluator);
    UnaryOperator<Value> key =
        item -> {
          Value found = attribute.apply(item);
          return found instanceof Value.Undefined && otherwise != null ? otherwise : found;
        };
    List<Value> sorted = new ArrayList<>(Operators.iterate(value));
    sorted.sort(SequenceFilters.comparing(key, caseSensitive));
    List<Value> groups = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= sorted.size(); i++) {
      Value first = SequenceFilters.folded(key.apply(sorted.get(start)), caseSensitive);
      if (i == sorted.size()
          || !Operators.equal(
              first, SequenceFilters.folded(key.apply(sorted.get(i)), caseSensitive))) {
        groups.add(Value.tuple(key.apply(sorted.get(start)), Value.list(sorted.subList(start, i))));
        start = i;
      }
    }
    return Value.list(groups);
  }
}
