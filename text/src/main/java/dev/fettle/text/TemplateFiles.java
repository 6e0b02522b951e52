package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The chat templates of a model, by name, and the special tokens they are given.
///
/// Which file counts is what transformers 5 does (`PreTrainedTokenizerBase._from_pretrained`):
/// template files replace all that the configuration names.
///
/// @param templates name to source; a single template is called `default`
record TemplateFiles(SequencedMap<String, Source> templates, ObjectNode specialTokens) {
  static final String DEFAULT = "default";
  private static final String TEMPLATE_KEY = "chat_template";

  /// A template that is not parsed yet.
  ///
  /// @param where the file it is from, for error messages
  record Source(String text, String where) {}

  static TemplateFiles read(Path path) {
    return GgufFile.isGguf(path) ? ofGguf(path) : ofFolder(path);
  }

  private static TemplateFiles ofGguf(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      ObjectNode config = GgufVocabulary.tokenizerConfigJson(file.metadata());
      SequencedMap<String, Source> templates =
          configured(config.path(TEMPLATE_KEY), path + ", tokenizer.chat_template");
      return new TemplateFiles(templates, SpecialTokenMap.ofConfig(config).forTemplates());
    }
  }

  private static TemplateFiles ofFolder(Path folder) {
    Path configFile = folder.resolve("tokenizer_config.json");
    ObjectNode config = Files.exists(configFile) ? Json.read(configFile) : Json.object();
    SequencedMap<String, Source> templates = files(folder);
    if (templates.isEmpty()) {
      templates = configured(config.path(TEMPLATE_KEY), configFile + ", " + TEMPLATE_KEY);
    }
    Path processor = folder.resolve("chat_template.json");
    if (templates.isEmpty() && Files.isRegularFile(processor)) {
      templates = configured(Json.read(processor).path(TEMPLATE_KEY), processor.toString());
    }
    return new TemplateFiles(templates, SpecialTokenMap.ofFolder(folder).forTemplates());
  }

  private static SequencedMap<String, Source> files(Path folder) {
    SequencedMap<String, Source> templates = new LinkedHashMap<>();
    put(templates, DEFAULT, folder.resolve("chat_template.jinja"));
    Path more = folder.resolve("additional_chat_templates");
    if (Files.isDirectory(more)) {
      try (Stream<Path> files = Files.list(more)) {
        for (Path file : files.sorted().toList()) {
          String name = file.getFileName().toString();
          if (name.endsWith(".jinja")) {
            put(templates, name.substring(0, name.length() - ".jinja".length()), file);
          }
        }
      } catch (IOException e) {
        throw new UserException("Cannot list " + more + ": " + e.getMessage() + ".", e);
      }
    }
    return templates;
  }

  private static void put(SequencedMap<String, Source> templates, String name, Path file) {
    if (Files.isRegularFile(file)) {
      templates.put(name, file(file));
    }
  }

  /// The template in this file.
  static Source file(Path file) {
    try {
      return new Source(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + " as UTF-8: " + e.getMessage() + ".", e);
    }
  }

  private static SequencedMap<String, Source> configured(JsonNode node, String where) {
    SequencedMap<String, Source> templates = new LinkedHashMap<>();
    if (node.isString()) {
      templates.put(DEFAULT, new Source(node.asString(), where));
    } else if (node.isArray()) {
      for (JsonNode named : node) {
        templates.put(name(named, where), new Source(text(named.path("template"), where), where));
      }
    } else if (node.isObject()) {
      node.propertyStream()
          .forEach(e -> templates.put(e.getKey(), new Source(text(e.getValue(), where), where)));
    } else if (!node.isMissingNode() && !node.isNull()) {
      throw malformed(node, where);
    }
    return templates;
  }

  private static String name(JsonNode named, String where) {
    return text(named.path("name"), where);
  }

  private static String text(JsonNode node, String where) {
    if (node.isString()) {
      return node.asString();
    }
    throw malformed(node, where);
  }

  private static UserException malformed(JsonNode node, String where) {
    return new UserException(
        where
            + " is wrong; expected a template, or a list of objects with the strings name and"
            + " template, found "
            + node
            + ".");
  }

  List<String> names() {
    return List.copyOf(templates.keySet());
  }
}
