package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A model in memory with its tokenizer and, if asked for, an adapter on it.
record OpenModel(Path folder, CausalLm model, Tokenizer tokenizer, @Nullable LoraAdapter adapter)
    implements AutoCloseable {
  private static final String GENERATION_CONFIG = "generation_config.json";

  static OpenModel open(Path folder, @Nullable Path adapter, LoadOptions options) {
    CausalLm model = CausalLm.load(folder, options);
    boolean done = false;
    try {
      Tokenizer tokenizer = Tokenizer.load(folder);
      OpenModel open = new OpenModel(folder, model, tokenizer, attach(model, adapter));
      done = true;
      return open;
    } finally {
      if (!done) {
        model.close();
      }
    }
  }

  private static @Nullable LoraAdapter attach(CausalLm model, @Nullable Path adapter) {
    if (adapter == null) {
      return null;
    }
    try (AdapterFolder folder = AdapterFolder.open(adapter)) {
      return LoraAdapter.attach(model, folder);
    }
  }

  /// The ids of a prompt with the special tokens the model expects; of an empty one at least the
  /// beginning-of-text token, if there is one.
  int[] promptIds(String prompt) {
    int[] ids = tokenizer.encode(prompt, true);
    Integer bos = tokenizer.bosId();
    return ids.length == 0 && bos != null ? new int[] {bos} : ids;
  }

  /// Room for a prompt and its answer, as far as the model's positions go.
  int capacity(int promptTokens, int maxNewTokens) {
    return (int) Math.min((long) promptTokens + maxNewTokens, model.maxLength());
  }

  /// The tokens that end a text: those of `config.json`, `generation_config.json` and the
  /// tokenizer.
  Set<Integer> stopIds() {
    Set<Integer> ids = new HashSet<>(model.config().eosTokenIds());
    Integer eos = tokenizer.eosId();
    if (eos != null) {
      ids.add(eos);
    }
    Path generation = folder.resolve(GENERATION_CONFIG);
    if (Files.exists(generation)) {
      JsonNode more = Json.read(generation).path("eos_token_id");
      Stream.concat(Stream.of(more), more.valueStream())
          .filter(JsonNode::isInt)
          .forEach(id -> ids.add(id.asInt()));
    }
    return ids;
  }

  @Override
  public void close() {
    if (adapter != null) {
      adapter.close();
    }
    tokenizer.close();
    model.close();
  }
}
