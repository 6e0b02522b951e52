package dev.fettle.text;

import dev.fettle.checkpoint.sentencepiece.CharsMap;
import dev.fettle.tensor.UserException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What the tokenizers library takes for granted in a `tokenizer.json`. Where it is not so, its
/// native code ends the process, so this is looked at before.
final class TokenizerCheck {
  /// Bytes of the longest piece of a Unigram vocabulary. The library keeps the pieces in a tree and
  /// frees it by recursion, a call a byte: 16,000 bytes fit the stack of a thread here, 30,000 do
  /// not. SentencePiece trains pieces of up to 16 characters.
  private static final int LONGEST_PIECE = 4096;

  private final String source;

  private TokenizerCheck(String source) {
    this.source = source;
  }

  /// @throws UserException if the file would do harm
  static void check(ObjectNode json, String source) {
    TokenizerCheck check = new TokenizerCheck(source);
    check.normalizer(json.path("normalizer"));
    check.postProcessor(json.path("post_processor"));
    check.merges(json.path("model"));
    check.pieces(json.path("model").path("vocab"));
  }

  /// Unigram's vocabulary is a list of texts and scores, the others' an object.
  private void pieces(JsonNode vocabulary) {
    if (!vocabulary.isArray()) {
      return;
    }
    for (JsonNode entry : vocabulary) {
      String piece = entry.path(0).asString("");
      int bytes = piece.getBytes(StandardCharsets.UTF_8).length;
      if (bytes > LONGEST_PIECE) {
        throw new UserException(
            "The piece '%s…' in %s has %d bytes; at most %d are supported."
                .formatted(piece.substring(0, 20), source, bytes, LONGEST_PIECE));
      }
    }
  }

  private void normalizer(JsonNode normalizer) {
    JsonNode map = normalizer.path("precompiled_charsmap");
    if (map.isString()) {
      byte[] bytes;
      try {
        bytes = Base64.getDecoder().decode(map.asString());
      } catch (IllegalArgumentException e) {
        throw new UserException("precompiled_charsmap in " + source + " is not Base64.", e);
      }
      CharsMap.check(bytes, source);
    }
    normalizer.path("normalizers").forEach(this::normalizer);
  }

  private void postProcessor(JsonNode processor) {
    JsonNode tokens = processor.path("special_tokens");
    template(processor.path("single"), tokens); // whatever its type says
    template(processor.path("pair"), tokens);
    processor.path("processors").forEach(this::postProcessor);
  }

  /// What continues a word has a prefix, which merging removes.
  private void merges(JsonNode model) {
    String prefix = model.path("continuing_subword_prefix").asString("");
    if (prefix.isEmpty()) {
      return;
    }
    for (JsonNode merge : model.path("merges")) {
      String pair = merge.isString() ? merge.asString() : "";
      String right =
          merge.isArray() ? merge.path(1).asString("") : pair.substring(pair.indexOf(' ') + 1);
      if (!right.startsWith(prefix)) {
        throw new UserException(
            "The merge "
                + merge
                + " in "
                + source
                + " joins a piece without the continuing_subword_prefix '"
                + prefix
                + "'.");
      }
    }
  }

  private void template(JsonNode template, JsonNode tokens) {
    for (JsonNode item : template) {
      JsonNode token = item.path("SpecialToken").path("id");
      if (token.isString() && !tokens.path(token.asString()).path("ids").isArray()) {
        throw new UserException(
            "The post_processor in "
                + source
                + " adds the special token "
                + token
                + ", but its special_tokens do not say which id that is.");
      }
    }
  }
}
