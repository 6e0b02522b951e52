package dev.fettle.doctor;

import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The tokens that end a text, by who says so.
///
/// @param config `eos_token_id` of `config.json`
/// @param generation `eos_token_id` of `generation_config.json`; null where there is no such file
///   or key
/// @param tokenizer the id of the tokenizer's `eos_token`, or null
record Stops(Set<Integer> config, @Nullable Set<Integer> generation, @Nullable Integer tokenizer) {
  static final String KEY = "eos_token_id";

  static Stops of(Patient patient) {
    var tokenizer = patient.tokenizer().value();
    Set<Integer> generation = ids(patient.json("generation_config.json").path(KEY));
    return new Stops(
        ids(patient.json("config.json").path(KEY)),
        generation.isEmpty() ? null : generation,
        tokenizer == null ? null : tokenizer.eosId());
  }

  /// One number, or a list of them.
  static Set<Integer> ids(JsonNode node) {
    Set<Integer> ids = new TreeSet<>();
    if (node.isArray()) {
      node.forEach(one -> add(one, ids));
    } else {
      add(node, ids);
    }
    return ids;
  }

  private static void add(JsonNode node, Set<Integer> ids) {
    if (node.isIntegralNumber() && node.canConvertToInt()) {
      ids.add(node.asInt());
    }
  }

  /// Where transformers stops: `generation_config.json` where it says, else `config.json`.
  Set<Integer> transformers() {
    return generation == null ? config : generation;
  }

  /// Where Fettle stops: wherever anyone says.
  Set<Integer> all() {
    Set<Integer> all = new TreeSet<>(config);
    if (generation != null) {
      all.addAll(generation);
    }
    if (tokenizer != null) {
      all.add(tokenizer);
    }
    return all;
  }

  /// All of them and one more, as it is written into `generation_config.json`.
  String withOneMore(int id) {
    Set<Integer> more = all();
    more.add(id);
    return "\"eos_token_id\": " + Shown.ids(more);
  }
}
