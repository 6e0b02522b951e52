package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Attributes, items and slices.
record Access(Budget budget) {
  /// Names every Python object has and no template may touch.
  private static final Pattern DUNDER = Pattern.compile("__\\w+__");

  /// `target.name`: a method, else an item of that key.
  Value attribute(Value target, String name) {
    Operators.failIfUndefined(target);
    Value attribute = pythonAttribute(target, name);
    if (attribute != null) {
      return attribute;
    }
    Value item = target instanceof Value.Dict dict ? dict.entries().get(Value.of(name)) : null;
    return item != null ? item : missing(target, Value.of(name));
  }

  /// `target | attr(name)`: a method or nothing, never an item.
  Value attributeOnly(Value target, String name) {
    Operators.failIfUndefined(target);
    Value attribute = pythonAttribute(target, name);
    return attribute != null ? attribute : missing(target, Value.of(name));
  }

  /// `target[key]`: an item, else a method of that name.
  Value item(Value target, Value key) {
    Operators.failIfUndefined(target);
    budget.spend(target instanceof Value.Str ? Extent.of(target).weight() : 1);
    Value item =
        switch (target) {
          case Value.Dict dict -> dict.entries().get(key);
          case Value.Seq seq -> seq.kind().indexed() ? at(seq.items(), key) : null;
          case Value.Str text -> at(text, key);
          case Value.Undefined _,
              Value.None _,
              Value.Bool _,
              Value.Int _,
              Value.Real _,
              Value.Namespace _,
              Value.Function _,
              LoopContext _ ->
              null;
        };
    if (item == null && key instanceof Value.Str name) {
      item = pythonAttribute(target, name.value());
    }
    return item != null ? item : missing(target, key);
  }

  private @Nullable Value pythonAttribute(Value target, String name) {
    return switch (target) {
      case Value.Str text -> StringMethods.find(text, name, budget);
      case Value.Seq seq -> ContainerMethods.find(seq, name);
      case Value.Dict dict -> ContainerMethods.find(dict, name);
      case Value.Namespace namespace -> namespace.attributes().get(name);
      case LoopContext loop -> loop.attribute(name);
      case Value.Function function -> name.equals("name") ? Value.of(function.name()) : null;
      case Value.Undefined _, Value.None _, Value.Bool _, Value.Int _, Value.Real _ -> null;
    };
  }

  private static Value missing(Value target, Value key) {
    if (key instanceof Value.Str name && DUNDER.matcher(name.value()).matches()) {
      return new Value.Undefined(
          "access to attribute '%s' of '%s' object is unsafe."
              .formatted(name.value(), PythonText.typeName(target)),
          Kind.SECURITY);
    }
    String type =
        switch (target) {
          case Value.None _ -> "None";
          case Value.Namespace _ -> "jinja2.utils.Namespace object";
          case LoopContext _ -> "jinja2.runtime.LoopContext object";
          case Value.Str text -> text.markup() ? "markupsafe.Markup object" : "str object";
          case Value.Undefined _,
              Value.Bool _,
              Value.Int _,
              Value.Real _,
              Value.Seq _,
              Value.Dict _,
              Value.Function _ ->
              PythonText.typeName(target) + " object";
        };
    return Value.Undefined.of(
        key instanceof Value.Str
            ? "'" + type + "' has no attribute " + PythonText.repr(key)
            : type + " has no element " + PythonText.repr(key));
  }

  private static @Nullable Value at(List<Value> items, Value key) {
    if (!(key instanceof Value.Int || key instanceof Value.Bool)) {
      return null;
    }
    long index = Operators.integer(key);
    long place = index < 0 ? index + items.size() : index;
    return place >= 0 && place < items.size() ? items.get((int) place) : null;
  }

  private static @Nullable Value at(Value.Str text, Value key) {
    if (!(key instanceof Value.Int || key instanceof Value.Bool)) {
      return null;
    }
    int size = text.value().codePointCount(0, text.value().length());
    long index = Operators.integer(key);
    long place = index < 0 ? index + size : index;
    return place >= 0 && place < size ? characters(text, (int) place, (int) place + 1) : null;
  }

  /// Python counts code points, Java UTF-16 units.
  private static Value characters(Value.Str text, int from, int to) {
    int start = text.value().offsetByCodePoints(0, from);
    int end = text.value().offsetByCodePoints(start, to - from);
    return new Value.Str(text.value().substring(start, end), text.markup());
  }

  /// `target[start:stop:step]` with Python's rules for negative and absent bounds.
  Value slice(Value target, Value start, Value stop, Value step) {
    budget.spend(target instanceof Value.Seq seq ? seq.items().size() : Extent.of(target).weight());
    return switch (target) {
      case Value.Str text -> slice(text, start, stop, step);
      case Value.Seq seq -> {
        if (!seq.kind().indexed()) {
          throw TemplateException.type(
              "'" + PythonText.typeName(seq) + "' object is not subscriptable");
        }
        yield new Value.Seq(slice(seq.items(), start, stop, step), seq.kind());
      }
      case Value.Undefined undefined -> throw undefined.error();
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Dict _,
          Value.Namespace _,
          Value.Function _,
          LoopContext _ ->
          Value.Undefined.of(PythonText.typeName(target) + " object has no element slice");
    };
  }

  private static Value slice(Value.Str text, Value start, Value stop, Value step) {
    int size = text.value().codePointCount(0, text.value().length());
    if (step instanceof Value.None) {
      int from = (int) bound(start, size, 0, size, 0);
      int to = (int) bound(stop, size, 0, size, size);
      return characters(text, from, Math.max(from, to));
    }
    StringBuilder out = new StringBuilder();
    for (Value c : slice(Operators.iterate(text), start, stop, step)) {
      out.append(PythonText.str(c));
    }
    return new Value.Str(out.toString(), text.markup());
  }

  private static List<Value> slice(List<Value> items, Value start, Value stop, Value step) {
    long stride = step instanceof Value.None ? 1 : Operators.index(step);
    if (stride == 0) {
      throw TemplateException.value("slice step cannot be zero");
    }
    int size = items.size();
    long low = stride > 0 ? 0 : -1;
    long high = stride > 0 ? size : size - 1L;
    long from = bound(start, size, low, high, stride > 0 ? low : high);
    long to = bound(stop, size, low, high, stride > 0 ? high : low);
    List<Value> result = new ArrayList<>();
    for (long i = from; stride > 0 ? i < to : i > to; i += stride) {
      result.add(items.get((int) i));
      if (Math.abs(stride) >= size) {
        break; // the next step leaves the list, or overflows
      }
    }
    return result;
  }

  private static long bound(Value value, int size, long low, long high, long absent) {
    if (value instanceof Value.None) {
      return absent;
    }
    long index = Operators.index(value);
    return Math.clamp(index < 0 ? index + size : index, low, high);
  }
}
