package dev.fettle.doctor;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Sample;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// Whether a text has the same tokens in training, in generation and in the exported GGUF file.
record TokenAgreementCheck() implements ModelCheck {
  @Override
  public String id() {
    return "token-agreement";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Tokenizer tokenizer = patient.tokenizer().value();
    if (tokenizer == null) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    ChatTemplate template = patient.templateOrNull();
    if (template != null) {
      generation(patient, tokenizer, template, findings);
    }
    ModelConfig config = patient.config().value();
    if (patient.isFolder() && config != null) {
      export(patient, tokenizer, config.vocabSize(), findings);
    }
    if (findings.isEmpty()) {
      findings.add(
          Finding.ok(
              id(),
              "training, generation and the exported GGUF read %d texts and %d conversations alike"
                  .formatted(
                      Probes.texts(tokenizer.specialTokens()).size(),
                      template == null ? 0 : Probes.conversations().size())));
    }
    return findings;
  }

  /// What generation is asked with must be what the training sample begins with.
  private void generation(
      Patient patient, Tokenizer tokenizer, ChatTemplate template, List<Finding> findings) {
    TrainingPath training = new TrainingPath(tokenizer, template);
    for (Map.Entry<String, List<ChatMessage>> probe : Probes.conversations().entrySet()) {
      List<ChatMessage> messages = probe.getValue();
      List<ChatMessage> before = messages.subList(0, messages.size() - 1);
      Sample sample = Attempt.of(() -> training.chat(messages, false)).value();
      String prompt = Attempt.of(() -> template.render(before, true)).value();
      if (sample == null || prompt == null) {
        continue; // refused, which the check of the template reports
      }
      int[] asked = tokenizer.encode(prompt, false);
      int[] trained = Arrays.copyOf(sample.ids(), Math.min(asked.length, sample.length()));
      String difference = Difference.of("training", trained, "generation", asked, patient.names());
      if (difference != null) {
        findings.add(
            Finding.warning(
                id(),
                "%s: %s, so the model is asked in another way than it was trained"
                    .formatted(probe.getKey(), difference),
                "let the chat template write the same text with add_generation_prompt as before the"
                    + " assistant's words, ending in a special token or a line end"));
        return; // the others follow from the same place
      }
    }
  }

  private void export(Patient patient, Tokenizer tokenizer, int rows, List<Finding> findings) {
    Attempt<GgufText> attempt = Attempt.of(() -> GgufText.exported(patient.path(), rows));
    GgufText exported = attempt.value();
    if (exported == null) {
      findings.add(
          Finding.warning(
              id(),
              "cannot be exported to GGUF: " + attempt.failure(),
              "stay with safetensors, or change what the message names"));
      return;
    }
    try (exported) {
      List<String> differences =
          TextComparison.of(patient, tokenizer, exported, "the exported GGUF");
      if (!differences.isEmpty()) {
        findings.add(Finding.error(id(), Shown.list(differences), exportFix(patient, tokenizer)));
      }
      chatOfLlamaCpp(patient, tokenizer, exported, findings);
    }
  }

  private static String exportFix(Patient patient, Tokenizer tokenizer) {
    JsonNode flag = patient.json("tokenizer_config.json").path("add_bos_token");
    Integer bos = tokenizer.bosId();
    boolean adds = bos != null && DoubleBosCheck.leading(tokenizer.encode("Hi", true), bos) > 0;
    return flag.isBoolean() && bos != null && flag.asBoolean(false) != adds
        ? "set \"add_bos_token\": %b in tokenizer_config.json, which is what tokenizer.json does"
            .formatted(adds)
        : "export again with the tokenizer of the original model, or report the text";
  }

  /// llama.cpp puts the BOS token before a conversation if the file says so, whatever the template
  /// does; where the template writes none, training had none.
  private void chatOfLlamaCpp(
      Patient patient, Tokenizer tokenizer, GgufText exported, List<Finding> findings) {
    ChatTemplate template = patient.templateOrNull();
    Integer bos = tokenizer.bosId();
    if (template == null || bos == null) {
      return;
    }
    String prompt = Attempt.of(() -> template.render(List.of(Probes.user("Hi")), true)).value();
    if (prompt == null) {
      return;
    }
    int here = DoubleBosCheck.leading(tokenizer.encode(prompt, false), bos);
    int there = DoubleBosCheck.leading(exported.tokenizer().encode("Hi", true), bos);
    if (here == 0 && there > 0) {
      findings.add(
          Finding.warning(
              id(),
              "the chat template writes no %s, so training and chat have none, but llama.cpp puts it before every conversation with the exported GGUF"
                  .formatted(patient.names().named(bos)),
              "write {{ bos_token }} at the start of the chat template, or set"
                  + " \"add_bos_token\": false in tokenizer_config.json before the export"));
    }
  }
}
