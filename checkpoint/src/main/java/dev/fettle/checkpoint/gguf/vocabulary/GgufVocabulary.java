package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.CompanionFile;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A tokenizer in GGUF's metadata, made from the files of a Hugging Face folder and turned back
/// into them.
public final class GgufVocabulary {
  private GgufVocabulary() {}

  /// The keys `tokenizer.*` for the tokenizer in this folder, as llama.cpp's converter writes them.
  ///
  /// @param folder has `tokenizer.json` or `tokenizer.model`, and possibly `tokenizer_config.json`,
  ///   `special_tokens_map.json`, `chat_template.jinja`, `generation_config.json`, `config.json`
  /// @param vocabSize rows of the model's embedding; rows without a token get an unused one
  /// @throws dev.fettle.tensor.UserException if a file is missing or malformed, or llama.cpp would
  ///   read text differently
  public static GgufMetadata fromFolder(Path folder, int vocabSize) {
    return fromFolder(folder, vocabSize, null);
  }

  /// As [#fromFolder(Path, int)].
  ///
  /// @param preTokenizer the name in `tokenizer.ggml.pre` for how a byte-level tokenizer cuts
  ///   words, such as `qwen2`, if it cannot be told from `tokenizer.json`; null looks for it there
  ///   and under `gguf_pre_tokenizer` in `tokenizer_config.json`
  public static GgufMetadata fromFolder(Path folder, int vocabSize, @Nullable String preTokenizer) {
    Vocabulary vocabulary = FolderVocabulary.read(folder, vocabSize, preTokenizer);
    return MetadataWriter.write(vocabulary, folder.toString());
  }

  /// A `tokenizer.json` that tokenizes as llama.cpp does with this metadata.
  ///
  /// Two rare texts are read as the original tokenizer does and not as llama.cpp: contractions with
  /// letters that are equal to ASCII ones but for case, and added tokens that overlap.
  ///
  /// @throws dev.fettle.tensor.UserException if the metadata has no tokenizer, or one of a kind
  ///   that is not supported
  public static ObjectNode tokenizerJson(GgufMetadata metadata) {
    Vocabulary vocabulary = MetadataReader.read(metadata);
    return TokenizerJsonWriter.write(
        vocabulary,
        switch (vocabulary.algorithm()) {
          case Algorithm.ScoredPieces pieces -> null;
          case Algorithm.RankedMerges merges -> MetadataReader.split(merges, metadata);
        });
  }

  /// A `tokenizer_config.json` with the named tokens and the chat templates.
  ///
  /// @throws dev.fettle.tensor.UserException as [#tokenizerJson]
  public static ObjectNode tokenizerConfigJson(GgufMetadata metadata) {
    Vocabulary vocabulary = MetadataReader.read(metadata);
    ObjectNode config = Json.object().put("tokenizer_class", "PreTrainedTokenizerFast");
    config.put("add_bos_token", vocabulary.addBos()).put("add_eos_token", vocabulary.addEos());
    vocabulary
        .special()
        .forEach((role, id) -> config.put(role.configKey(), vocabulary.tokens().get(id).text()));
    config.put("clean_up_tokenization_spaces", false);
    SequencedMap<String, String> templates = vocabulary.templates();
    @Nullable String main = templates.get(Vocabulary.DEFAULT_TEMPLATE);
    if (templates.size() == 1 && main != null) {
      config.put("chat_template", main);
    } else if (!templates.isEmpty()) {
      ArrayNode named = config.putArray("chat_template");
      templates.forEach((name, text) -> named.addObject().put("name", name).put("template", text));
    }
    return config;
  }

  /// A `generation_config.json` with the tokens that begin, end and fill up a text.
  ///
  /// @throws dev.fettle.tensor.UserException as [#tokenizerJson]
  public static ObjectNode generationConfigJson(GgufMetadata metadata) {
    Map<SpecialToken, Integer> special = MetadataReader.read(metadata).special();
    ObjectNode config = Json.object();
    put(config, SpecialToken.BOS, special);
    TreeSet<Integer> ends = new TreeSet<>();
    for (SpecialToken role : new SpecialToken[] {SpecialToken.EOS, SpecialToken.EOT}) {
      @Nullable Integer id = special.get(role);
      if (id != null) {
        ends.add(id);
      }
    }
    if (ends.size() > 1) {
      ends.forEach(config.putArray(SpecialToken.EOS.idKey())::add);
    } else {
      put(config, SpecialToken.EOS, special);
    }
    put(config, SpecialToken.PADDING, special);
    return config;
  }

  /// The files that a Hugging Face folder made of a GGUF file needs beside its weights: the three
  /// above. None if the file holds no tokenizer.
  ///
  /// @throws dev.fettle.tensor.UserException as [#tokenizerJson]
  public static List<CompanionFile> companions(GgufMetadata metadata) {
    @Nullable String model = metadata.text(Keys.MODEL);
    if (model == null || model.equals("none") || model.equals("no_vocab")) {
      return List.of();
    }
    return List.of(
        new CompanionFile.InMemory("tokenizer.json", utf8(Json.compact(tokenizerJson(metadata)))),
        new CompanionFile.InMemory(
            "tokenizer_config.json", utf8(Json.pretty(tokenizerConfigJson(metadata)))),
        new CompanionFile.InMemory(
            "generation_config.json", utf8(Json.pretty(generationConfigJson(metadata)))));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void put(
      ObjectNode config, SpecialToken role, Map<SpecialToken, Integer> special) {
    @Nullable Integer id = special.get(role);
    if (id != null) {
      config.put(role.idKey(), id);
    }
  }
}
