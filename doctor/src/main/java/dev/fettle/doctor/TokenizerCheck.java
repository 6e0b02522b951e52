package dev.fettle.doctor;

import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Whether the tokenizer can be read, and its text survives it.
record TokenizerCheck() implements ModelCheck {
  /// What a tokenizer that loses nothing returns; normalizers may compose or change white space, so
  /// there is none of it inside.
  private static final String PROBE = "Fettle7?";

  @Override
  public String id() {
    return "tokenizer";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    List<Finding> findings = new ArrayList<>();
    for (String name : List.of("tokenizer_config.json", "generation_config.json")) {
      Attempt<Optional<ObjectNode>> file = patient.file(name);
      if (file.failed()) {
        findings.add(
            Finding.error(id(), file.failure() + "", "copy the file anew from where it came from"));
      }
    }
    Attempt<Tokenizer> attempt = patient.tokenizer();
    Tokenizer tokenizer = attempt.value();
    if (tokenizer == null
        && findings.stream().anyMatch(finding -> finding.found().equals(attempt.failure()))) {
      return findings;
    }
    if (tokenizer == null) {
      findings.add(
          Finding.error(
              id(),
              attempt.failure() + "",
              "copy tokenizer.json from the original model into the folder"));
      return findings;
    }
    roles(patient, findings);
    String read = tokenizer.decode(tokenizer.encode(PROBE, false), true).strip();
    if (!read.equals(PROBE)) {
      findings.add(
          Finding.note(
              id(),
              "%s is read back as %s: the vocabulary has no tokens for some letters"
                  .formatted(Shown.quote(PROBE), Shown.quote(read))));
    }
    if (findings.isEmpty()) {
      findings.add(Finding.ok(id(), "%s tokens".formatted(Shown.count(tokenizer.vocabSize()))));
    }
    return findings;
  }

  /// Roles that name a token which does not exist, and those whose id `config.json` gives
  /// otherwise.
  private void roles(Patient patient, List<Finding> findings) {
    ObjectNode config = patient.json("tokenizer_config.json");
    Tokenizer tokenizer = Objects.requireNonNull(patient.tokenizer().value());
    for (String role : List.of("bos", "eos", "pad", "unk")) {
      JsonNode named = config.path(role + "_token");
      String text = (named.isObject() ? named.path("content") : named).asString("");
      if (!text.isEmpty() && !patient.names().texts().containsValue(text)) {
        added(role + "_token", text, tokenizer.idOf(text), patient, findings);
      }
    }
    Integer bos = tokenizer.bosId();
    JsonNode configured = patient.json("config.json").path("bos_token_id");
    if (bos != null && configured.isInt() && configured.asInt() != bos) {
      findings.add(
          Finding.warning(
              id(),
              "bos_token is %s, but bos_token_id in config.json is %s"
                  .formatted(patient.names().named(bos), patient.names().named(configured.asInt())),
              "set \"bos_token_id\": %d in config.json and generation_config.json".formatted(bos)));
    }
  }

  /// A role whose token is not in `tokenizer.json` gets a new one.
  private void added(
      String role, String text, @Nullable Integer id, Patient patient, List<Finding> findings) {
    if (patient.names().texts().isEmpty() && id != null) {
      return; // a tokenizer without tokenizer.json
    }
    findings.add(
        Finding.error(
            id(),
            "%s in tokenizer_config.json is %s, which is no token of tokenizer.json%s"
                .formatted(
                    role,
                    Shown.quote(text),
                    id == null
                        ? ""
                        : ", so it becomes a new one, %d, that the model has never seen"
                            .formatted(id)),
            "name a token that exists, or add it with tokenizer.add_special_tokens in transformers"
                + " and resize the model's embedding"));
  }
}
