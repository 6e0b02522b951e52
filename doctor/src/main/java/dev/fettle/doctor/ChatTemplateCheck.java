package dev.fettle.doctor;

import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Tokenizer;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Whether the chat template can be used: present, readable, with tokens that exist, taking a
/// system message, independent of the day, telling the assistant's words apart.
record ChatTemplateCheck() implements ModelCheck {
  /// What published templates write as one token.
  private static final Pattern MARKER =
      Pattern.compile("<\\|[A-Za-z][\\w-]{0,40}\\|>|<(?:start|end)_of_turn>|</?s>|\\[/?INST\\]");

  private static final Clock ONE_DAY =
      Clock.fixed(Instant.parse("2025-01-31T12:00:00Z"), ZoneOffset.UTC);
  private static final Clock ANOTHER_DAY =
      Clock.fixed(Instant.parse("2026-02-17T12:00:00Z"), ZoneOffset.UTC);

  @Override
  public String id() {
    return "chat-template";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Attempt<Optional<ChatTemplate>> attempt = patient.template();
    if (attempt.failed()) {
      return List.of(
          Finding.error(
              id(),
              attempt.failure() + "",
              "copy chat_template.jinja or tokenizer_config.json from the original model"));
    }
    ChatTemplate template = patient.templateOrNull();
    if (template == null) {
      return List.of(
          Finding.note(
              id(),
              "no chat template: the model goes on with a text, and data with messages is refused",
              "for conversations, put chat_template.jinja of the instruct model into the folder"));
    }
    List<Finding> findings = new ArrayList<>();
    twice(patient, findings);
    if (renders(template, findings)) {
      system(template, findings);
      days(patient, findings);
      markers(patient, template, findings);
      spans(patient, template, findings);
    }
    if (findings.isEmpty()) {
      findings.add(
          Finding.ok(id(), "takes a system message, and tells the assistant's words apart"));
    }
    return findings;
  }

  private static @Nullable String failure(ChatTemplate template, List<ChatMessage> messages) {
    return Attempt.of(() -> template.render(messages, false)).failure();
  }

  private boolean renders(ChatTemplate template, List<Finding> findings) {
    List<ChatMessage> messages = List.of(Probes.user("Hi"), Probes.assistant("Hello"));
    Attempt<String> rendered = Attempt.of(() -> template.render(messages, false));
    String whole = rendered.value();
    if (whole != null && whole.contains("Hi") && whole.contains("Hello")) {
      return true;
    }
    findings.add(
        Finding.error(
            id(),
            whole == null
                ? "refuses a question and its answer: " + rendered.failure()
                : "leaves out what is said: a question 'Hi' and its answer 'Hello' become "
                    + Shown.quote(whole),
            "mend chat_template, or copy it from the original model"));
    return false;
  }

  private void system(ChatTemplate template, List<Finding> findings) {
    String text = "Answer in Latin.";
    List<ChatMessage> messages =
        List.of(new ChatMessage("system", text), Probes.user("Hi"), Probes.assistant("Salve"));
    Attempt<String> rendered = Attempt.of(() -> template.render(messages, false));
    String whole = rendered.value();
    if (whole == null) {
      findings.add(
          Finding.note(
              id(),
              "refuses a system message: " + rendered.failure(),
              "put its text at the start of the first user message"));
    } else if (!whole.contains(text)) {
      findings.add(
          Finding.note(
              id(),
              "leaves a system message out without a word",
              "put its text at the start of the first user message"));
    }
  }

  /// A template that writes the date gives other tokens tomorrow.
  private void days(Patient patient, List<Finding> findings) {
    List<ChatMessage> messages = List.of(Probes.user("Hi"), Probes.assistant("Hello"));
    String one = on(ONE_DAY, patient, messages);
    String another = on(ANOTHER_DAY, patient, messages);
    if (!one.equals(another)) {
      int at = 0;
      while (at < Math.min(one.length(), another.length())
          && one.charAt(at) == another.charAt(at)) {
        at++;
      }
      int end = Math.min(one.length(), at + 20);
      findings.add(
          Finding.note(
              id(),
              "writes the date (%s after %s), so the same data gives other tokens on another day"
                  .formatted(
                      Shown.quote(one.substring(at, end)),
                      Shown.quote(one.substring(Math.max(0, at - 30), at))),
              "for repeatable runs write a fixed date into the template where it calls"
                  + " strftime_now"));
    }
  }

  private static String on(Clock day, Patient patient, List<ChatMessage> messages) {
    ChatTemplate template = ChatTemplate.load(patient.path(), day);
    return template == null ? "" : template.render(messages, false);
  }

  private void markers(Patient patient, ChatTemplate template, List<Finding> findings) {
    Tokenizer tokenizer = patient.tokenizer().value();
    if (tokenizer == null) {
      return;
    }
    String whole = template.render(List.of(Probes.user("Hi"), Probes.assistant("Hello")), true);
    TreeSet<String> unknown = new TreeSet<>();
    MARKER
        .matcher(whole)
        .results()
        .map(match -> match.group())
        .filter(marker -> marker.charAt(0) == '<' && tokenizer.idOf(marker) == null)
        .forEach(unknown::add);
    if (!unknown.isEmpty()) {
      String first = unknown.first();
      findings.add(
          Finding.warning(
              id(),
              "writes %s, which the tokenizer has no token for: %s becomes %d pieces"
                  .formatted(Shown.list(unknown), first, tokenizer.encode(first, false).length),
              "add them with tokenizer.add_special_tokens in transformers and resize the model's"
                  + " embedding, or take the template that belongs to this tokenizer"));
    }
  }

  private void spans(Patient patient, ChatTemplate template, List<Finding> findings) {
    Tokenizer tokenizer = patient.tokenizer().value();
    if (tokenizer == null) {
      return;
    }
    List<ChatMessage> turns =
        List.of(
            Probes.user("Hi"),
            Probes.assistant("Hello"),
            Probes.user("Bye"),
            Probes.assistant("Good bye"));
    String refused = failure(template, turns);
    String failure =
        refused != null
            ? refused
            : Attempt.of(() -> new TrainingPath(tokenizer, template).chat(turns, true)).failure();
    if (failure != null) {
      findings.add(
          Finding.warning(
              id(),
              "training on several turns is refused: " + failure,
              "put {% generation %} and {% endgeneration %} around the assistant's words in the"
                  + " template, or train with one turn per sample"));
    }
  }

  /// `chat_template.jinja` wins over the key in `tokenizer_config.json`.
  private void twice(Patient patient, List<Finding> findings) {
    String inside = patient.json("tokenizer_config.json").path("chat_template").asString("");
    java.nio.file.Path file = patient.path().resolve("chat_template.jinja");
    if (!patient.isFolder() || inside.isEmpty() || !java.nio.file.Files.isRegularFile(file)) {
      return;
    }
    try {
      if (!java.nio.file.Files.readString(file).equals(inside)) {
        findings.add(
            Finding.warning(
                id(),
                "chat_template.jinja and chat_template in tokenizer_config.json differ; the file is"
                    + " used, other tools may take the key",
                "remove the one that is wrong"));
      }
    } catch (java.io.IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }
}
