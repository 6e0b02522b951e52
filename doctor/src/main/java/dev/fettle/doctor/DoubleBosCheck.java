package dev.fettle.doctor;

import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Whether a text can begin with two BOS tokens: one from the chat template, one from the
/// tokenizer.
record DoubleBosCheck() implements ModelCheck {
  @Override
  public String id() {
    return "double-bos";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Tokenizer tokenizer = patient.tokenizer().value();
    Integer bos = tokenizer == null ? null : tokenizer.bosId();
    if (tokenizer == null || bos == null) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    int[] plain = tokenizer.encode("Hi", true);
    if (leading(plain, bos) > 1) {
      findings.add(
          Finding.error(
              id(),
              "the tokenizer itself puts %d times %s before a text"
                  .formatted(leading(plain, bos), patient.names().named(bos)),
              "leave one of them in the post_processor of tokenizer.json"));
    }
    ChatTemplate template = patient.templateOrNull();
    if (template != null) {
      template(patient, tokenizer, template, bos, leading(plain, bos) > 0, findings);
    }
    if (findings.isEmpty()) {
      findings.add(
          Finding.ok(
              id(),
              leading(plain, bos) > 0
                  ? "the tokenizer writes one " + patient.names().named(bos)
                  : "the tokenizer writes no BOS token by itself"));
    }
    return findings;
  }

  private void template(
      Patient patient,
      Tokenizer tokenizer,
      ChatTemplate template,
      int bos,
      boolean tokenizerAdds,
      List<Finding> findings) {
    List<ChatMessage> messages = List.of(Probes.user("Hi"), Probes.assistant("Hello"));
    String rendered = Attempt.of(() -> template.render(messages, false)).value();
    if (rendered == null) {
      return;
    }
    int[] generation = tokenizer.encode(template.render(messages.subList(0, 1), true), false);
    int written = leading(generation, bos);
    int trained = trained(tokenizer, template, messages, bos);
    if (written > 1 || trained > 1) {
      findings.add(
          Finding.error(
              id(),
              "a conversation begins with %d times %s in training and %d times in generation"
                  .formatted(trained, patient.names().named(bos), written),
              "leave one bos_token in the chat template"));
      return;
    }
    JsonNode flag = patient.json("tokenizer_config.json").path("add_bos_token");
    boolean asked = patient.isFolder() && flag.asBoolean(false); // GGUF always says
    if (written == 1 && (asked || tokenizerAdds)) {
      findings.add(twice(patient, bos, asked, tokenizerAdds));
    }
  }

  /// How often a BOS token stands first where training reads the conversation; 0 if it refuses.
  private static int trained(
      Tokenizer tokenizer, ChatTemplate template, List<ChatMessage> messages, int bos) {
    int[] ids =
        Attempt.of(() -> new TrainingPath(tokenizer, template).chat(messages, false).ids()).value();
    return ids == null ? 0 : leading(ids, bos);
  }

  private Finding twice(Patient patient, int bos, boolean asked, boolean tokenizerAdds) {
    String who = asked ? "add_bos_token in tokenizer_config.json is true" : "the tokenizer adds it";
    String found =
        "the chat template writes %s and %s: Fettle's chat and training on messages have it once, but a rendered conversation that is tokenized as plain text (a text or prompt column, --prompt, tokenizer(text) in Python%s) begins with it twice"
            .formatted(
                patient.names().named(bos),
                who,
                tokenizerAdds ? "" : ", where that flag is obeyed");
    String fix =
        "give conversations as messages, or pass add_special_tokens=False; else remove bos_token"
            + " from the start of the chat template, or set \"add_bos_token\": false and drop it"
            + " from the post_processor";
    return asked ? Finding.warning(id(), found, fix) : Finding.note(id(), found, fix);
  }

  static int leading(int[] ids, int bos) {
    int count = 0;
    while (count < ids.length && ids[count] == bos) {
      count++;
    }
    return count;
  }
}
