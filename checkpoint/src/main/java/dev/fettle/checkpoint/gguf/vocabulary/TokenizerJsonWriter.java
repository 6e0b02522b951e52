package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.vocabulary.HfTokenizer.Merge;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A [Vocabulary] as the `tokenizer.json` of the Hugging Face tokenizers library.
final class TokenizerJsonWriter {
  private static final String MARK = "\u2581";

  private final Vocabulary vocabulary;
  private final ObjectNode json = Json.object();

  private TokenizerJsonWriter(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
  }

  /// @param split how a byte-level vocabulary cuts words; null for any other
  static ObjectNode write(Vocabulary vocabulary, @Nullable PreTokenizer split) {
    return new TokenizerJsonWriter(vocabulary).write(split);
  }

  private ObjectNode write(@Nullable PreTokenizer split) {
    json.put("version", "1.0").putNull("truncation").putNull("padding");
    addedTokens(json.putArray("added_tokens"));
    switch (vocabulary.algorithm()) {
      case Algorithm.ScoredPieces pieces -> pieces(pieces);
      case Algorithm.RankedMerges merges -> {
        if (split == null) {
          throw new IllegalArgumentException("no pre-tokenizer");
        }
        merges(merges, split);
      }
    }
    return json;
  }

  private void addedTokens(ArrayNode added) {
    List<Token> tokens = vocabulary.tokens();
    for (int id = 0; id < tokens.size(); id++) {
      Token token = tokens.get(id);
      if (token.type().isAdded() && !token.text().isEmpty()) {
        added
            .addObject()
            .put("id", id)
            .put("content", token.text())
            .put("single_word", false)
            .put("lstrip", token.lstrip())
            .put("rstrip", token.rstrip())
            .put("normalized", false)
            .put("special", token.type().isSpecial());
      }
    }
  }

  private void pieces(Algorithm.ScoredPieces pieces) {
    ObjectNode normalizer = json.putObject("normalizer").put("type", "Sequence");
    ArrayNode steps = normalizer.putArray("normalizers");
    if (pieces.spacePrefix()) {
      steps.addObject().put("type", "Prepend").put("prepend", MARK);
    }
    replace(steps.addObject(), " ", MARK);
    json.putNull("pre_tokenizer");
    surround(null);
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    replace(decoders.addObject(), MARK, " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    if (pieces.spacePrefix()) {
      decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
    Map<String, Integer> ids = ids();
    ObjectNode model = model(text(SpecialToken.UNKNOWN), true, false);
    ids.forEach(model.putObject("vocab")::put);
    ArrayNode merges = model.putArray("merges");
    for (Merge merge : PieceMerges.ofScores(ids, pieces.scores())) {
      merges.addArray().add(merge.left()).add(merge.right());
    }
  }

  private static void replace(ObjectNode step, String pattern, String content) {
    step.put("type", "Replace").put("content", content).putObject("pattern").put("String", pattern);
  }

  private void merges(Algorithm.RankedMerges ranked, PreTokenizer split) {
    if (ranked.composed()) {
      json.putObject("normalizer").put("type", "NFC");
    } else {
      json.putNull("normalizer");
    }
    ArrayNode steps =
        json.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
    for (String pattern : split.patterns()) {
      ObjectNode step =
          steps.addObject().put("type", "Split").put("behavior", "Isolated").put("invert", false);
      step.putObject("pattern").put("Regex", pattern);
    }
    byteLevel(steps.addObject());
    ObjectNode trailing = Json.object();
    byteLevel(trailing);
    surround(trailing);
    byteLevel(json.putObject("decoder"));
    Map<String, Integer> ids = ids();
    ObjectNode model = model(null, false, split.wholeWords());
    ids.forEach(model.putObject("vocab")::put);
    ArrayNode merges = model.putArray("merges");
    for (String merge : ranked.merges()) {
      int space = merge.indexOf(' ', 1);
      if (space > 0 && isMerge(merge, space, ids)) {
        merges.addArray().add(merge.substring(0, space)).add(merge.substring(space + 1));
      }
    }
  }

  /// The tokenizers library refuses a merge of or into what is no token; llama.cpp never uses one.
  private static boolean isMerge(String merge, int space, Map<String, Integer> ids) {
    String left = merge.substring(0, space);
    String right = merge.substring(space + 1);
    return ids.containsKey(left) && ids.containsKey(right) && ids.containsKey(left + right);
  }

  private static void byteLevel(ObjectNode step) {
    step.put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", false)
        .put("use_regex", false);
  }

  private ObjectNode model(@Nullable String unknown, boolean byteFallback, boolean wholeWords) {
    return json.putObject("model")
        .put("type", "BPE")
        .putNull("dropout")
        .put("unk_token", unknown)
        .putNull("continuing_subword_prefix")
        .putNull("end_of_word_suffix")
        .put("fuse_unk", byteFallback)
        .put("byte_fallback", byteFallback)
        .put("ignore_merges", wholeWords);
  }

  /// Token text to id; without the rows that only fill up the embedding.
  private Map<String, Integer> ids() {
    Map<String, Integer> ids = new LinkedHashMap<>();
    List<Token> tokens = vocabulary.tokens();
    for (int id = 0; id < tokens.size(); id++) {
      if (!tokens.get(id).isPadding(id)) {
        ids.putIfAbsent(tokens.get(id).text(), id);
      }
    }
    return ids;
  }

  private @Nullable String text(SpecialToken role) {
    @Nullable Integer id = vocabulary.special().get(role);
    return id == null ? null : vocabulary.tokens().get(id).text();
  }

  /// The tokens around a text, before `first` where there is one.
  private void surround(@Nullable ObjectNode first) {
    @Nullable Integer bos = vocabulary.addBos() ? vocabulary.special().get(SpecialToken.BOS) : null;
    @Nullable Integer eos = vocabulary.addEos() ? vocabulary.special().get(SpecialToken.EOS) : null;
    if (bos == null && eos == null) {
      json.set("post_processor", first == null ? Json.object().nullNode() : first);
      return;
    }
    ObjectNode template = Json.object().put("type", "TemplateProcessing");
    ArrayNode single = template.putArray("single");
    sequence(single, "A", 0, bos, eos);
    ArrayNode pair = template.putArray("pair");
    sequence(pair, "A", 0, bos, eos);
    sequence(pair, "B", 1, bos, eos);
    ObjectNode special = template.putObject("special_tokens");
    describe(special, bos);
    describe(special, eos);
    if (first == null) {
      json.set("post_processor", template);
    } else {
      ObjectNode both = json.putObject("post_processor").put("type", "Sequence");
      both.putArray("processors").add(first).add(template);
    }
  }

  private void sequence(
      ArrayNode into, String name, int type, @Nullable Integer bos, @Nullable Integer eos) {
    token(into, bos, type);
    into.addObject().putObject("Sequence").put("id", name).put("type_id", type);
    token(into, eos, type);
  }

  private void token(ArrayNode into, @Nullable Integer id, int type) {
    if (id != null) {
      String text = vocabulary.tokens().get(id).text();
      into.addObject().putObject("SpecialToken").put("id", text).put("type_id", type);
    }
  }

  private void describe(ObjectNode special, @Nullable Integer id) {
    if (id != null) {
      String text = vocabulary.tokens().get(id).text();
      ObjectNode entry = special.putObject(text).put("id", text);
      entry.putArray("ids").add((int) id);
      entry.putArray("tokens").add(text);
    }
  }
}
