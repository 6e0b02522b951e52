package dev.fettle.text;

import dev.fettle.checkpoint.sentencepiece.CharsMap;
import dev.fettle.tensor.UserException;
import java.util.Base64;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What the tokenizers library takes for granted in a `tokenizer.json`. Where it is not so, its
/// native code ends the process, so this is looked at before.
final class TokenizerCheck {
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
