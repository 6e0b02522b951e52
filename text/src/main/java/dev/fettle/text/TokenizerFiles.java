package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What the JSON files of a tokenizer say, apart from what the native library takes from them.
///
/// @param vocabulary token text to id, added tokens included
/// @param printing the ids that stand for text: all of the vocabulary but the special tokens
/// @param bytes the ids of byte tokens (`<0x0A>`), if the decoder joins those into UTF-8
/// @param cleanUp whether spaces before punctuation are removed when decoding
record TokenizerFiles(
    Map<String, Integer> vocabulary,
    BitSet printing,
    BitSet bytes,
    SpecialTokenMap special,
    boolean cleanUp) {
  /// The largest published vocabularies have a sixtieth of it.
  private static final int MOST_TOKENS = 1 << 24;

  private static final Pattern BYTE_TOKEN = Pattern.compile("<0x[0-9A-F]{2}>");

  /// @param tokenizer `tokenizer.json`
  /// @param source where it is from, for messages
  /// @throws UserException if there is no vocabulary
  static TokenizerFiles parse(ObjectNode tokenizer, String source, SpecialTokenMap special) {
    Map<String, Integer> vocabulary = new HashMap<>();
    JsonNode vocab = tokenizer.path("model").path("vocab");
    if (vocab.isObject()) {
      vocab
          .propertyStream()
          .forEach(e -> vocabulary.put(e.getKey(), id(e.getValue(), e.getKey(), source)));
    } else { // Unigram: [[piece, score], ...]
      for (int id = 0; id < vocab.size(); id++) {
        vocabulary.put(vocab.get(id).path(0).asString(""), id);
      }
    }
    for (JsonNode added : tokenizer.path("added_tokens")) {
      String content = added.path("content").asString("");
      vocabulary.put(content, id(added.path("id"), content, source));
    }
    if (vocabulary.isEmpty()) {
      throw new UserException(
          source + " has no model.vocab; expected a Hugging Face fast tokenizer.");
    }
    BitSet printing = new BitSet();
    vocabulary.values().forEach(printing::set);
    for (JsonNode added : tokenizer.path("added_tokens")) {
      if (added.path("special").asBoolean(false)) {
        printing.clear(added.path("id").asInt(0));
      }
    }
    BitSet bytes = new BitSet();
    if (hasByteFallback(tokenizer.path("decoder"))) {
      vocabulary.forEach((token, id) -> bytes.set(id, BYTE_TOKEN.matcher(token).matches()));
    }
    return new TokenizerFiles(vocabulary, printing, bytes, special, cleansUp(tokenizer, special));
  }

  /// The id of a token, small enough to be the index of something.
  private static int id(JsonNode node, String token, String source) {
    if (!node.isIntegralNumber()
        || !node.canConvertToInt()
        || node.asInt() < 0
        || node.asInt() >= MOST_TOKENS) {
      throw new UserException(
          "Token '%s' in %s has the id %s; expected a whole number from 0 to %d."
              .formatted(token, source, node, MOST_TOKENS - 1));
    }
    return node.asInt();
  }

  /// `clean_up_tokenization_spaces`, which transformers 5 passes over for byte-pair encoding, where
  /// it would remove spaces that were in the text.
  private static boolean cleansUp(ObjectNode tokenizer, SpecialTokenMap special) {
    boolean merges = tokenizer.path("model").path("type").asString("BPE").equals("BPE");
    String forced = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";
    return special.config().path("clean_up_tokenization_spaces").asBoolean(false)
        && (!merges || special.config().path(forced).asBoolean(false));
  }

  private static boolean hasByteFallback(JsonNode decoder) {
    if (decoder.path("type").asString("").equals("ByteFallback")) {
      return true;
    }
    for (JsonNode child : decoder.path("decoders")) {
      if (hasByteFallback(child)) {
        return true;
      }
    }
    return false;
  }

  int vocabSize() {
    return vocabulary.values().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
  }

  SpecialTokens specialTokens() {
    String bos = special.text("bos_token");
    String eos = special.text("eos_token");
    String pad = special.text("pad_token");
    String unk = special.text("unk_token");
    return new SpecialTokens(bos, id(bos), eos, id(eos), pad, id(pad), unk, id(unk));
  }

  private @Nullable Integer id(@Nullable String token) {
    return token == null ? null : vocabulary.get(token);
  }
}
