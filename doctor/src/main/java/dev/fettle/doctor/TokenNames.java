package dev.fettle.doctor;

import dev.fettle.text.Tokenizer;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What tokens read, by id, as `tokenizer.json` writes them.
///
/// @param texts id to text; of two texts with one id the added token
/// @param decoder says what others read, such as those of a `tokenizer.model`; null if none can
record TokenNames(Map<Integer, String> texts, @Nullable Tokenizer decoder) {
  static TokenNames of(ObjectNode tokenizer, @Nullable Tokenizer decoder) {
    Map<Integer, String> texts = new HashMap<>();
    JsonNode vocab = tokenizer.path("model").path("vocab");
    if (vocab.isObject()) {
      vocab.propertyStream().forEach(e -> texts.put(e.getValue().asInt(-1), e.getKey()));
    } else {
      for (int id = 0; id < vocab.size(); id++) {
        texts.put(id, vocab.get(id).path(0).asString(""));
      }
    }
    for (JsonNode added : tokenizer.path("added_tokens")) {
      texts.put(added.path("id").asInt(-1), added.path("content").asString(""));
    }
    return new TokenNames(texts, decoder);
  }

  /// `'Hello' (15043)`.
  String named(int id) {
    @Nullable String text = text(id);
    return (text == null ? "no token" : Shown.quote(text)) + " (" + id + ")";
  }

  /// What the token reads, or null if there is none of this id.
  @Nullable String text(int id) {
    @Nullable String text = texts.get(id);
    if (text == null && decoder != null && id >= 0 && id < decoder.vocabSize()) {
      String decoded = decoder.decode(new int[] {id}, false);
      return decoded.isEmpty() ? null : decoded;
    }
    return text;
  }
}
