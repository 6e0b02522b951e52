package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.sentencepiece.SentencePieceTokenizer;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tokenizer of a Hugging Face folder in the form the tokenizers library reads, put together
/// from its files as transformers 5 does.
///
/// @param text `tokenizer.json` as text
/// @param json the same as a tree
/// @param special the special tokens
/// @param source the file it is from, for messages
record TokenizerSource(String text, ObjectNode json, SpecialTokenMap special, String source) {
  private static final String TOKENIZER = "tokenizer.json";
  private static final String PIECES = "tokenizer.model";
  private static final String ADDED = "added_tokens";

  /// What other tools keep a vocabulary in.
  private static final List<String> OTHERS =
      List.of("tiktoken.model", "tekken.json", "vocab.json", "vocab.txt", "spiece.model");

  /// @throws UserException if there is no tokenizer, or a file of it is malformed
  static TokenizerSource of(Path folder) {
    Path file = folder.resolve(TOKENIZER);
    if (Files.isRegularFile(file)) {
      return ofJson(folder, file);
    }
    for (String name : new String[] {PIECES, "spiece.model"}) {
      if (Files.isRegularFile(folder.resolve(name))) {
        return ofPieces(folder, folder.resolve(name));
      }
    }
    throw missing(folder);
  }

  private static UserException missing(Path folder) {
    if (!Files.isDirectory(folder)) {
      return new UserException(
          "There is no model folder " + folder + "; expected one with a " + TOKENIZER + ".");
    }
    @Nullable String other = null;
    for (String name : OTHERS) {
      other = other == null && Files.exists(folder.resolve(name)) ? name : other;
    }
    return new UserException(
        folder
            + " has no "
            + TOKENIZER
            + (other == null
                ? " and no " + PIECES + "; copy the tokenizer's files of the original model there."
                : ", only "
                    + other
                    + ", which is not supported; make "
                    + TOKENIZER
                    + " of it with AutoTokenizer.from_pretrained(...).save_pretrained(...) in"
                    + " Python."));
  }

  private static TokenizerSource ofJson(Path folder, Path file) {
    String text = read(file);
    ObjectNode json = Json.parse(text, file.toString());
    TokenizerCheck.check(json, file.toString());
    SpecialTokenMap special = SpecialTokenMap.ofFolder(folder);
    boolean rebuilt = TokenizerRebuild.applies(special.kind(), json);
    AddedTokens added = new AddedTokens(vocabulary(json));
    JsonNode decoder = special.config().path("added_tokens_decoder");
    if (!rebuilt || !decoder.isObject()) {
      json.path(ADDED).forEach(added::add);
    }
    added.addDecoder(decoder);
    if (!decoder.isObject()) {
      added.addEncoder(SpecialTokenMap.optional(folder.resolve("added_tokens.json")), special);
    }
    special.tokens().forEach(added::addSpecial);
    ArrayNode all = added.json();
    boolean same = !rebuilt && all.equals(json.path(ADDED));
    json.set(ADDED, all);
    if (rebuilt) {
      TokenizerRebuild.apply(special.kind(), json, special.config());
    }
    return new TokenizerSource(same ? text : Json.compact(json), json, special, file.toString());
  }

  private static TokenizerSource ofPieces(Path folder, Path file) {
    ObjectNode json = SentencePieceTokenizer.toTokenizerJson(file);
    TokenizerCheck.check(json, file.toString());
    SpecialTokenMap special =
        SpecialTokenMap.ofFolder(folder)
            .withDefaults(SentencePieceTokenizer.toTokenizerConfig(file));
    AddedTokens added = new AddedTokens(vocabulary(json));
    added.addDecoder(special.config().path("added_tokens_decoder"));
    if (!special.config().has("added_tokens_decoder")) {
      added.addEncoder(SpecialTokenMap.optional(folder.resolve("added_tokens.json")), special);
    }
    special.tokens().forEach(added::addSpecial);
    json.path(ADDED).forEach(added::addIfAbsent);
    json.set(ADDED, added.json());
    if (TokenizerRebuild.applies(special.kind(), json)) {
      TokenizerRebuild.apply(special.kind(), json, special.config());
    }
    surround(json, special);
    return new TokenizerSource(Json.compact(json), json, special, file.toString());
  }

  /// `add_bos_token` and `add_eos_token`, which count only where there is no `tokenizer.json`.
  private static void surround(ObjectNode json, SpecialTokenMap special) {
    ObjectNode template = Json.object().put("type", "TemplateProcessing");
    ArrayNode single = template.putArray("single");
    ArrayNode pair = template.putArray("pair");
    ObjectNode tokens = template.putObject("special_tokens");
    around(json, special, "bos_token", single, tokens);
    single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    around(json, special, "eos_token", single, tokens);
    pair.addAll(single);
    pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
    if (!tokens.isEmpty()) {
      json.set("post_processor", template);
    }
  }

  private static void around(
      ObjectNode json, SpecialTokenMap special, String role, ArrayNode into, ObjectNode tokens) {
    @Nullable String text = special.text(role);
    if (text == null || !special.config().path("add_" + role).asBoolean(false)) {
      return;
    }
    for (JsonNode added : json.path(ADDED)) {
      if (added.path("content").asString("").equals(text)) {
        into.addObject().putObject("SpecialToken").put("id", text).put("type_id", 0);
        ObjectNode entry = tokens.putObject(text).put("id", text);
        entry.putArray("ids").add(added.path("id"));
        entry.putArray("tokens").add(text);
      }
    }
  }

  /// Token text to id, without added tokens. Ids that are no numbers are found later.
  private static Map<String, Integer> vocabulary(ObjectNode json) {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    JsonNode vocab = json.path("model").path("vocab");
    if (vocab.isObject()) {
      vocab.propertyStream().forEach(e -> vocabulary.put(e.getKey(), e.getValue().asInt(-1)));
    } else { // Unigram: [[piece, score], ...]
      for (int id = 0; id < vocab.size(); id++) {
        vocabulary.putIfAbsent(vocab.get(id).path(0).asString(""), id);
      }
    }
    return vocabulary;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + " as UTF-8: " + e.getMessage() + ".", e);
    }
  }
}
