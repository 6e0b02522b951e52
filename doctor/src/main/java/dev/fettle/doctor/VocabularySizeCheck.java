package dev.fettle.doctor;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Whether every token has a row in the embedding.
record VocabularySizeCheck() implements ModelCheck {
  @Override
  public String id() {
    return "vocabulary-size";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    List<Finding> findings = new ArrayList<>();
    Tokenizer tokenizer = patient.tokenizer().value();
    long rows = rows(patient, findings);
    if (tokenizer != null && rows > 0) {
      compare(patient, tokenizer, rows, findings);
      roles(patient, rows, findings);
    }
    if (tokenizer != null) {
      addedTokens(patient, tokenizer, findings);
    }
    if (findings.isEmpty() && tokenizer != null && rows > 0) {
      findings.add(Finding.ok(id(), "%s tokens and rows".formatted(Shown.count(rows))));
    }
    return findings;
  }

  /// Rows of the embedding in the file, else what `config.json` says; 0 if neither is known.
  private long rows(Patient patient, List<Finding> findings) {
    ModelConfig config = patient.config().value();
    Checkpoint checkpoint = patient.checkpoint().value();
    @Nullable TensorInfo embedding =
        checkpoint == null ? null : checkpoint.infos().get(Architecture.EMBEDDING);
    if (embedding == null || embedding.shape().rank() != 2) {
      return config == null ? 0 : config.vocabSize();
    }
    long rows = embedding.shape().dim(0);
    if (config != null && config.vocabSize() != rows) {
      findings.add(
          Finding.error(
              id(),
              "vocab_size in config.json is %s, but %s has %s rows"
                  .formatted(
                      Shown.count(config.vocabSize()), Architecture.EMBEDDING, Shown.count(rows)),
              "set \"vocab_size\": %d in config.json".formatted(rows)));
    }
    return rows;
  }

  private void compare(Patient patient, Tokenizer tokenizer, long rows, List<Finding> findings) {
    int tokens = tokenizer.vocabSize();
    if (tokens > rows) {
      List<String> without =
          IntStream.range((int) rows, tokens)
              .filter(id -> id == tokens - 1 || patient.names().text(id) != null)
              .mapToObj(patient.names()::named)
              .toList();
      findings.add(
          Finding.error(
              id(),
              "%d tokens have ids beyond the %s rows of the embedding: %s; a text with one of them"
                      .formatted(without.size(), Shown.count(rows), Shown.list(without))
                  + " cannot be computed",
              "in transformers: model.resize_token_embeddings(%d), then save; or remove the tokens from tokenizer.json and tokenizer_config.json"
                  .formatted(tokens)));
    } else if (tokens < rows) {
      findings.add(
          Finding.note(
              id(),
              "%s rows of the embedding for %s tokens; the last %s are padding"
                  .formatted(Shown.count(rows), Shown.count(tokens), Shown.count(rows - tokens))));
    }
  }

  private void roles(Patient patient, long rows, List<Finding> findings) {
    for (String file : List.of("config.json", "generation_config.json")) {
      for (String key : List.of("bos_token_id", "eos_token_id", "pad_token_id")) {
        for (int id : Stops.ids(patient.json(file).path(key))) {
          boolean none = id < 0 && key.startsWith("pad"); // -1 is how older files say so
          if ((id < 0 || id >= rows) && !none) {
            findings.add(
                Finding.error(
                    id(),
                    "%s in %s is %d, but the embedding has %s rows"
                        .formatted(key, file, id, Shown.count(rows)),
                    "set it to the id of a token, or remove the key"));
          }
        }
      }
    }
  }

  /// `added_tokens_decoder` repeats what `tokenizer.json` says.
  private void addedTokens(Patient patient, Tokenizer tokenizer, List<Finding> findings) {
    JsonNode decoder = patient.json("tokenizer_config.json").path("added_tokens_decoder");
    for (Map.Entry<String, JsonNode> entry : decoder.properties()) {
      String text = entry.getValue().path("content").asString("");
      @Nullable Integer id = tokenizer.idOf(text);
      if (id == null || !entry.getKey().equals(id.toString())) {
        findings.add(
            Finding.error(
                id(),
                "added_tokens_decoder in tokenizer_config.json says token %s is %s; in tokenizer.json %s"
                    .formatted(
                        Shown.quote(entry.getKey()),
                        Shown.quote(text),
                        id == null ? "there is no such token" : "that is " + id),
                "save both files from one tokenizer: AutoTokenizer.from_pretrained(...)"
                    + ".save_pretrained(...)"));
      }
    }
  }
}
