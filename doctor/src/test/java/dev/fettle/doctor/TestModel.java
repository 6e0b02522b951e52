package dev.fettle.doctor;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Random;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A healthy model folder of 32 columns with a tokenizer of Llama's kind and a ChatML template, and
/// the edits that make it ill.
final class TestModel {
  static final String CHATML =
      "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
          + "{{ message['content'] }}<|im_end|>\n{% endfor %}"
          + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  static final int UNK = 0;
  static final int BOS = 1;
  static final int EOS = 2;
  static final int IM_END = 4;
  private static final List<String> SPECIAL =
      List.of("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>");
  private static final String[][] MERGES = {
    {"\u2581", "t"}, {"h", "e"}, {"\u2581t", "he"}, {"1", "2"}, {"i", "n"}, {"#", "1"}
  };

  private final Path folder;

  private TestModel(Path folder) {
    this.folder = folder;
  }

  static int tokens() {
    return vocabulary().size();
  }

  static TestModel write(Path folder) throws IOException {
    Files.createDirectories(folder.getParent());
    ObjectNode config =
        Json.parse(
            """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32,
             "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": %d, "max_position_embeddings": 4096,
             "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "hidden_act": "silu",
             "bos_token_id": 1, "eos_token_id": 4, "torch_dtype": "float32"}
            """
                .formatted(tokens()),
            "test");
    List<TensorInfo> plan = Architecture.of(ModelConfig.parse(config, "test")).tensors();
    Random random = new Random(11);
    try (CheckpointWriter writer = CheckpointWriter.create(folder, config, plan, List.of())) {
      for (TensorInfo info : plan) {
        writer.write(info.name(), random(info, random));
      }
      writer.commit();
    }
    Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(tokenizer()));
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        Json.pretty(
            Json.object()
                .put("tokenizer_class", "PreTrainedTokenizerFast")
                .put("bos_token", "<s>")
                .put("eos_token", "<|im_end|>")
                .put("pad_token", "</s>")
                .put("unk_token", "<unk>")
                .put("add_bos_token", false)
                .put("chat_template", CHATML)));
    Files.writeString(
        folder.resolve("generation_config.json"),
        "{\"bos_token_id\": 1, \"eos_token_id\": [4, 2], \"pad_token_id\": 2}");
    return new TestModel(folder);
  }

  private static HostTensor random(TensorInfo info, Random random) {
    float[] values = new float[(int) info.shape().elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = info.shape().rank() == 1 ? 1 : (float) (0.1 * random.nextGaussian());
    }
    return HostTensor.of(values, info.shape().toArray());
  }

  private static List<String> vocabulary() {
    List<String> tokens = new ArrayList<>(SPECIAL);
    for (int b = 0; b < 256; b++) {
      tokens.add("<0x%02X>".formatted(b));
    }
    tokens.add("\u2581");
    for (char c = '!'; c <= '~'; c++) {
      tokens.add(Character.toString(c));
    }
    for (String[] merge : MERGES) {
      tokens.add(merge[0] + merge[1]);
    }
    return tokens;
  }

  private static ObjectNode tokenizer() {
    ObjectNode json =
        Json.parse(
            """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
             "normalizer": {"type": "Sequence", "normalizers": [
               {"type": "Prepend", "prepend": "\u2581"},
               {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
             "pre_tokenizer": null,
             "post_processor": {"type": "TemplateProcessing",
               "single": [{"Sequence": {"id": "A", "type_id": 0}}],
               "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                        {"Sequence": {"id": "B", "type_id": 1}}],
               "special_tokens": {}},
             "decoder": {"type": "Sequence", "decoders": [
               {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
               {"type": "ByteFallback"}, {"type": "Fuse"},
               {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
               "fuse_unk": true, "byte_fallback": true, "vocab": {}, "merges": []}}
            """,
            "tokenizer");
    List<String> tokens = vocabulary();
    for (int id = 0; id < SPECIAL.size(); id++) {
      add(json, id, SPECIAL.get(id));
    }
    ObjectNode model = (ObjectNode) json.get("model");
    ObjectNode vocab = (ObjectNode) model.get("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      vocab.put(tokens.get(id), id);
    }
    ArrayNode merges = (ArrayNode) model.get("merges");
    for (String[] merge : MERGES) {
      merges.addArray().add(merge[0]).add(merge[1]);
    }
    return json;
  }

  /// Adds a special token to a `tokenizer.json`.
  static void add(ObjectNode tokenizer, int id, String content) {
    ((ArrayNode) tokenizer.get("added_tokens"))
        .addObject()
        .put("id", id)
        .put("content", content)
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", true);
  }

  /// The tokenizer writes `<s>` before every text.
  TestModel withBosBefore() throws IOException {
    return edit(
        "tokenizer.json",
        json -> {
          ObjectNode post = (ObjectNode) json.get("post_processor");
          ((ArrayNode) post.get("single"))
              .insertObject(0)
              .putObject("SpecialToken")
              .put("id", "<s>")
              .put("type_id", 0);
          ObjectNode bos =
              ((ObjectNode) post.get("special_tokens")).putObject("<s>").put("id", "<s>");
          bos.putArray("ids").add(BOS);
          bos.putArray("tokens").add("<s>");
        });
  }

  TestModel withTemplate(String template) throws IOException {
    return edit("tokenizer_config.json", json -> json.put("chat_template", template));
  }

  TestModel edit(String file, Consumer<ObjectNode> change) throws IOException {
    ObjectNode json = Json.read(folder.resolve(file));
    change.accept(json);
    Files.writeString(folder.resolve(file), Json.pretty(json));
    return this;
  }

  TestModel remove(String file) throws IOException {
    Files.delete(folder.resolve(file));
    return this;
  }

  /// Writes the weights anew.
  TestModel weights(UnaryOperator<SequencedMap<String, HostTensor>> change) throws IOException {
    Path file = folder.resolve("model.safetensors");
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    try (var checkpoint = dev.fettle.checkpoint.Checkpoint.open(folder)) {
      for (TensorInfo info : checkpoint.infos().values()) {
        tensors.put(
            info.name(),
            HostTensor.of(checkpoint.tensor(info.name()).toFloats(), info.shape().toArray()));
      }
    }
    SafetensorsWriter.write(file, change.apply(tensors), SafetensorsWriter.PYTORCH_METADATA);
    return this;
  }

  Path path() {
    return folder;
  }
}
