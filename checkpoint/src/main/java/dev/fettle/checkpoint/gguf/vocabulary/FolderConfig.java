package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.sentencepiece.SentencePieceTokenizer;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The small files beside a `tokenizer.json`: which tokens have a role, what surrounds a text, and
/// the chat templates. Source of the rules: gguf-py, `vocab.py`, `SpecialVocab`.
///
/// @param tokenizer `tokenizer.json`
/// @param config `tokenizer_config.json`, completed by `special_tokens_map.json`
/// @param model `config.json`
/// @param generation `generation_config.json`
record FolderConfig(
    Path folder,
    ObjectNode tokenizer,
    ObjectNode config,
    ObjectNode model,
    ObjectNode generation,
    SequencedMap<String, String> templates) {

  /// A key of our own in `tokenizer_config.json`, for ways of cutting words that are not
  /// recognised.
  static final String PRE_TOKENIZER = "gguf_pre_tokenizer";

  private static final String PIECES = "tokenizer.model";

  /// What is added around a text.
  record Surround(boolean bos, boolean eos) {}

  static FolderConfig read(Path folder) {
    Path file = source(folder);
    boolean pieces = file.endsWith(PIECES);
    ObjectNode config = optional(folder.resolve("tokenizer_config.json"));
    ObjectNode map = optional(folder.resolve("special_tokens_map.json"));
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      config.putIfAbsent(entry.getKey(), entry.getValue());
    }
    if (pieces) {
      SentencePieceTokenizer.toTokenizerConfig(file)
          .properties()
          .forEach(e -> config.putIfAbsent(e.getKey(), e.getValue()));
    }
    return new FolderConfig(
        folder,
        pieces ? SentencePieceTokenizer.toTokenizerJson(file) : Json.read(file),
        config,
        optional(folder.resolve("config.json")),
        optional(folder.resolve("generation_config.json")),
        templates(folder, config));
  }

  /// `tokenizer.json`, else `tokenizer.model`.
  private static Path source(Path folder) {
    Path tokenizer = folder.resolve("tokenizer.json");
    Path pieces = folder.resolve(PIECES);
    if (Files.isRegularFile(tokenizer)) {
      return tokenizer;
    }
    if (Files.isRegularFile(pieces)) {
      return pieces;
    }
    throw new UserException(
        folder
            + " has no tokenizer.json and no tokenizer.model, which a GGUF file's vocabulary is made"
            + " of; copy the tokenizer's files of the original model there.");
  }

  String tokenizerSource() {
    return source(folder).toString();
  }

  /// llama.cpp's name for how the tokenizer cuts words, if the user has put it into
  /// `tokenizer_config.json`; else null.
  @Nullable String preTokenizer() {
    String name = config.path(PRE_TOKENIZER).asString("");
    return name.isEmpty() ? null : name;
  }

  private static ObjectNode optional(Path file) {
    return Files.isRegularFile(file) ? Json.read(file) : Json.object();
  }

  /// The ids of the named tokens: by their text in `tokenizer_config.json`, else by the number in
  /// `config.json`.
  ///
  /// @param ids token text to id
  Map<SpecialToken, Integer> special(Map<String, Integer> ids, int vocabSize) {
    Map<SpecialToken, Integer> special = new EnumMap<>(SpecialToken.class);
    for (SpecialToken role : SpecialToken.values()) {
      JsonNode named = config.path(role.configKey());
      String text = (named.isObject() ? named.path("content") : named).asString("");
      @Nullable Integer id = ids.get(text);
      if (id == null && model.path(role.idKey()).canConvertToInt()) {
        id = model.path(role.idKey()).asInt();
      }
      if (id != null && id >= 0 && id < vocabSize) {
        special.put(role, id);
      }
    }
    modelUnknown(ids, special);
    endOfTurn(ids, special, vocabSize);
    return special;
  }

  /// A tokenizer.json names its unknown token itself.
  private void modelUnknown(Map<String, Integer> ids, Map<SpecialToken, Integer> special) {
    @Nullable Integer id = ids.get(tokenizer.path("model").path("unk_token").asString(""));
    if (id != null) {
      special.putIfAbsent(SpecialToken.UNKNOWN, id);
    }
  }

  /// A second token that ends a text is written as the end of a turn, unless llama.cpp knows it by
  /// how it reads.
  private void endOfTurn(
      Map<String, Integer> ids, Map<SpecialToken, Integer> special, int vocabSize) {
    Map<Integer, String> texts = new LinkedHashMap<>();
    ids.forEach((text, id) -> texts.put(id, text));
    for (JsonNode node : generation.path(SpecialToken.EOS.idKey())) {
      @Nullable String text = node.canConvertToInt() ? texts.get(node.asInt()) : null;
      if (text != null
          && node.asInt() < vocabSize
          && !Integer.valueOf(node.asInt()).equals(special.get(SpecialToken.EOS))
          && !EndOfGeneration.isKnown(text)) {
        special.putIfAbsent(SpecialToken.EOT, node.asInt());
      }
    }
  }

  /// `add_bos_token` and `add_eos_token`, else what the post-processor in `tokenizer.json` does.
  Surround surround(HfTokenizer tokenizer, Map<SpecialToken, Integer> special) {
    boolean bos = false;
    boolean eos = false;
    for (JsonNode step : tokenizer.steps("post_processor", "processors")) {
      JsonNode single = step.path("single");
      if (step.path("type").asString("").equals("TemplateProcessing") && single.size() > 1) {
        bos |= isToken(step, single.get(0), special.get(SpecialToken.BOS));
        eos |= isToken(step, single.get(single.size() - 1), special.get(SpecialToken.EOS));
      }
    }
    bos = config.path("add_bos_token").asBoolean(bos) && special.containsKey(SpecialToken.BOS);
    eos = config.path("add_eos_token").asBoolean(eos) && special.containsKey(SpecialToken.EOS);
    return new Surround(bos, eos);
  }

  private static boolean isToken(JsonNode step, JsonNode item, @Nullable Integer id) {
    String name = item.path("SpecialToken").path("id").asString("");
    JsonNode ids = step.path("special_tokens").path(name).path("ids");
    return id != null && ids.size() == 1 && ids.get(0).asInt(-1) == id;
  }

  /// `chat_template.jinja` counts before `chat_template` in the configuration, as for transformers.
  private static SequencedMap<String, String> templates(Path folder, ObjectNode config) {
    SequencedMap<String, String> templates = new LinkedHashMap<>();
    JsonNode configured = config.path("chat_template");
    if (configured.isString()) {
      templates.put(Vocabulary.DEFAULT_TEMPLATE, configured.asString());
    }
    if (configured.isArray()) {
      for (JsonNode named : configured) {
        templates.put(named.path("name").asString(""), named.path("template").asString(""));
      }
    }
    Path file = folder.resolve("chat_template.jinja");
    if (Files.isRegularFile(file)) {
      templates.put(Vocabulary.DEFAULT_TEMPLATE, text(file));
    }
    return templates;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + " as UTF-8: " + e.getMessage() + ".", e);
    }
  }

  /// The names of the templates, for `tokenizer.chat_templates`.
  static List<String> otherTemplates(SequencedMap<String, String> templates) {
    List<String> names = new ArrayList<>(templates.keySet());
    names.remove(Vocabulary.DEFAULT_TEMPLATE);
    return names;
  }
}
