package dev.fettle.lora;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The keys of `adapter_config.json` that name modules.
final class TargetModulesJson {
  /// What PEFT adapts if `target_modules` is null, in all supported model families (its
  /// `constants.py`).
  private static final List<String> PEFT_DEFAULT = List.of("q_proj", "v_proj");

  private final ObjectNode json;
  private final Path file;

  private TargetModulesJson(ObjectNode json, Path file) {
    this.json = json;
    this.file = file;
  }

  /// @param selected paths of the adapted layers: PEFT stores what `all-linear` came to
  static void write(ObjectNode json, TargetModules targets, List<String> selected) {
    json.putNull("exclude_modules");
    json.putNull("layers_to_transform");
    json.putNull("layers_pattern");
    switch (targets) {
      case TargetModules.Regex regex ->
          json.put("target_modules", regex.pattern().pattern().pattern());
      case TargetModules.Names(List<String> names, TargetModules.@Nullable Layers layers) -> {
        putStrings(json, "target_modules", names);
        if (layers != null) {
          ArrayNode indices = json.putArray("layers_to_transform");
          layers.indices().forEach(indices::add);
          if (!layers.patterns().isEmpty()) {
            putStrings(json, "layers_pattern", layers.patterns());
          }
        }
      }
      case TargetModules.AllLinear all ->
          putStrings(
              json,
              "target_modules",
              selected.stream().map(p -> p.substring(p.lastIndexOf('.') + 1)).distinct().toList());
      case TargetModules.Except(TargetModules included, TargetModules excluded) -> {
        write(json, included, selected);
        switch (excluded) {
          case TargetModules.Regex regex ->
              json.put("exclude_modules", regex.pattern().pattern().pattern());
          case TargetModules.Names names -> putStrings(json, "exclude_modules", names.names());
          case TargetModules.AllLinear all -> throw unwritable(excluded);
          case TargetModules.Except except -> throw unwritable(excluded);
        }
      }
    }
  }

  private static IllegalArgumentException unwritable(TargetModules excluded) {
    return new IllegalArgumentException("PEFT has no exclude_modules '" + excluded.text() + "'");
  }

  private static void putStrings(ObjectNode json, String key, List<String> names) {
    ArrayNode array = json.putArray(key);
    names.forEach(array::add);
  }

  /// @throws UserException if a key has a value that PEFT refuses too
  static TargetModules read(ObjectNode json, Path file) {
    return new TargetModulesJson(json, file).read();
  }

  /// A list of names under another key; empty if it is absent or null.
  static List<String> names(ObjectNode json, String key, Path file) {
    return new TargetModulesJson(json, file).strings(key);
  }

  private TargetModules read() {
    TargetModules included = included();
    TargetModules excluded = modules("exclude_modules");
    return excluded == null ? included : new TargetModules.Except(included, excluded);
  }

  private TargetModules included() {
    TargetModules modules = modules("target_modules");
    TargetModules.@Nullable Layers layers = layers();
    if (modules == null) {
      return new TargetModules.Names(PEFT_DEFAULT, layers);
    }
    if (modules instanceof TargetModules.Names names) {
      return new TargetModules.Names(names.names(), layers);
    }
    if (layers != null) {
      throw new UserException(
          "Adapter config %s sets layers_to_transform, but target_modules is not a list of names; PEFT does not allow that."
              .formatted(file));
    }
    return modules;
  }

  private TargetModules.@Nullable Layers layers() {
    List<Integer> indices = new ArrayList<>();
    for (JsonNode index : elements("layers_to_transform")) {
      if (!index.isInt()) {
        throw wrong("layers_to_transform", "block numbers");
      }
      indices.add(index.asInt());
    }
    List<String> patterns = strings("layers_pattern");
    if (!patterns.isEmpty()
        && json.path("layers_to_transform").isEmpty()
        && !json.path("layers_to_transform").isInt()) {
      throw new UserException(
          "Adapter config %s sets layers_pattern without layers_to_transform; set both or neither."
              .formatted(file));
    }
    return indices.isEmpty() ? null : new TargetModules.Layers(indices, patterns);
  }

  private @Nullable TargetModules modules(String key) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    if (node.isString()) {
      String text = node.asString();
      return TargetModules.isAllLinear(text)
          ? new TargetModules.AllLinear()
          : TargetModules.regex(text);
    }
    List<String> names = strings(key);
    if (names.isEmpty()) {
      if (key.equals("exclude_modules")) {
        return null;
      }
      throw wrong(key, "a list of names or a regular expression");
    }
    return new TargetModules.Names(names.stream().sorted().toList());
  }

  private List<String> strings(String key) {
    List<String> found = new ArrayList<>();
    for (JsonNode node : elements(key)) {
      if (!node.isString()) {
        throw wrong(key, "a list of names or a regular expression");
      }
      found.add(node.asString());
    }
    return found;
  }

  /// The elements of an array, or the value itself; none if it is absent or null.
  private List<JsonNode> elements(String key) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return List.of();
    }
    List<JsonNode> found = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(found::add);
    } else {
      found.add(node);
    }
    return found;
  }

  private UserException wrong(String key, String expected) {
    return new UserException(
        "Adapter config %s has %s = %s; expected %s."
            .formatted(file, key, Json.compact(json.path(key)), expected));
  }
}
