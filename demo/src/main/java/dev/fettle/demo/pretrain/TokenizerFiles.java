package dev.fettle.demo.pretrain;

import dev.fettle.checkpoint.Json;
import dev.fettle.demo.world.World;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A byte-level BPE vocabulary as the files that Hugging Face's tokenizers read.
final class TokenizerFiles {
  /// Renders a conversation in the form that fine-tuning teaches.
  static final String CHAT_TEMPLATE =
      "{{ bos_token }}{% for message in messages %}"
          + "{% if message['role'] == 'user' %}Q: {{ message['content'] }}\n"
          + "{% elif message['role'] == 'assistant' %}A: {{ message['content'] }}{{ eos_token }}\n"
          + "{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}";

  private TokenizerFiles() {}

  /// `tokenizer.json`.
  ///
  /// @param vocabulary with [World#BEGIN] and [World#END] among its special tokens
  static ObjectNode tokenizer(BpeTrainer.Vocabulary vocabulary) {
    ObjectNode root = Json.object().put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    for (String token : vocabulary.special()) {
      added
          .addObject()
          .put("id", vocabulary.tokens().indexOf(token))
          .put("content", token)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    root.putNull("normalizer");
    byteLevel(root.putObject("pre_tokenizer"));
    root.set("post_processor", beginFirst(vocabulary));
    byteLevel(root.putObject("decoder"));
    root.set("model", bpe(vocabulary));
    return root;
  }

  /// With `use_regex` the text is split as [BpeTrainer#SPLIT] says.
  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", true);
  }

  /// Every text starts with [World#BEGIN].
  private static ObjectNode beginFirst(BpeTrainer.Vocabulary vocabulary) {
    ObjectNode template = Json.object().put("type", "TemplateProcessing");
    begin(template.putArray("single"), "A", 0);
    ArrayNode pair = template.putArray("pair");
    begin(pair, "A", 0);
    begin(pair, "B", 1);
    ObjectNode begin =
        template.putObject("special_tokens").putObject(World.BEGIN).put("id", World.BEGIN);
    begin.putArray("ids").add(vocabulary.tokens().indexOf(World.BEGIN));
    begin.putArray("tokens").add(World.BEGIN);
    return template;
  }

  private static void begin(ArrayNode sequence, String id, int type) {
    sequence.addObject().putObject("SpecialToken").put("id", World.BEGIN).put("type_id", type);
    sequence.addObject().putObject("Sequence").put("id", id).put("type_id", type);
  }

  private static ObjectNode bpe(BpeTrainer.Vocabulary vocabulary) {
    ObjectNode model = Json.object().put("type", "BPE").putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocab = model.putObject("vocab");
    List<String> tokens = vocabulary.tokens();
    for (int id = 0; id < tokens.size(); id++) {
      vocab.put(tokens.get(id), id);
    }
    ArrayNode merges = model.putArray("merges");
    vocabulary.merges().forEach(m -> merges.addArray().add(m.left()).add(m.right()));
    return model;
  }

  /// `tokenizer_config.json`.
  ///
  /// @param maxLength longest text the model takes, in tokens
  static ObjectNode tokenizerConfig(int maxLength) {
    return Json.object()
        .put("tokenizer_class", "PreTrainedTokenizerFast")
        .put("bos_token", World.BEGIN)
        .put("eos_token", World.END)
        .put("pad_token", World.END)
        .put("model_max_length", maxLength)
        .put("clean_up_tokenization_spaces", false)
        .put("chat_template", CHAT_TEMPLATE);
  }
}
