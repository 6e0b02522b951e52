package dev.fettle.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A tokenizer made on the spot, of Llama's kind: BPE over letters with a space in front of the
/// text, byte tokens for everything else, `<s>` added before.
final class TinyTokenizer {
  private static final String[][] MERGES = {{"\u2581", "s"}, {"\u2581s", "a"}, {"\u2581sa", "w"}};

  private TinyTokenizer() {}

  static Tokenizer load(Path folder) throws IOException {
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}, \"unk_token\": \"<unk>\"}");
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer().toString());
    return Tokenizer.load(folder);
  }

  private static ObjectNode tokenizer() {
    ObjectNode json =
        (ObjectNode)
            JsonMapper.shared()
                .readTree(
                    """
                    {"version": "1.0", "truncation": {"direction": "Right", "max_length": 3,
                       "strategy": "LongestFirst", "stride": 0}, "padding": null,
                     "normalizer": {"type": "Sequence", "normalizers": [
                       {"type": "Prepend", "prepend": "\u2581"},
                       {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
                     "pre_tokenizer": null,
                     "post_processor": {"type": "TemplateProcessing",
                       "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                  {"Sequence": {"id": "A", "type_id": 0}}],
                       "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                                {"Sequence": {"id": "B", "type_id": 1}}],
                       "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
                     "decoder": {"type": "Sequence", "decoders": [
                       {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                       {"type": "ByteFallback"}, {"type": "Fuse"},
                       {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                     "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
                       "fuse_unk": true, "byte_fallback": true}}
                    """);
    List<String> tokens = tokens();
    ArrayNode added = json.putArray("added_tokens");
    for (int id = 0; id < 3; id++) {
      added
          .addObject()
          .put("id", id)
          .put("content", tokens.get(id))
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    ObjectNode model = (ObjectNode) json.get("model");
    ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      vocabulary.put(tokens.get(id), id);
    }
    ArrayNode merges = model.putArray("merges");
    for (String[] merge : MERGES) {
      merges.addArray().add(merge[0]).add(merge[1]);
    }
    return json;
  }

  private static List<String> tokens() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    for (int b = 0; b < 256; b++) {
      tokens.add("<0x%02X>".formatted(b));
    }
    tokens.add("\u2581");
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?[]:()"
        .chars()
        .forEach(c -> tokens.add(Character.toString(c)));
    for (String[] merge : MERGES) {
      tokens.add(merge[0] + merge[1]);
    }
    return tokens;
  }
}
