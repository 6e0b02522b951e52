package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import dev.fettle.text.records.TrainingRecord;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Tokenizes one record and marks what is to be learned, as TRL's `SFTTrainer` does.
///
/// @param template renders conversations; null if the model has none
/// @param loss which tokens are learned
record SampleMaker(Tokenizer tokenizer, @Nullable ChatTemplate template, LossOn loss) {

  /// @param sample whole, however long; without targets if there is nothing to learn
  /// @param answer where the answer begins; the length if there is none, -1 if it is not known
  record Made(Sample sample, int answer) {}

  /// @throws UserException if the record cannot be tokenized, or the loss does not go with it
  Made make(TrainingRecord record) {
    return switch (record) {
      case TrainingRecord.Text text -> text(text.text());
      case TrainingRecord.Completion pair -> completion(pair.prompt(), pair.completion());
      case TrainingRecord.Conversation conversation -> conversation(conversation);
    };
  }

  /// Ended by the end token, if the tokenizer names one: the next row is another text.
  private Made text(String text) {
    if (Boolean.TRUE.equals(loss.completionOnly())) {
      throw new UserException(
          "--completion-only-loss needs rows of prompt and completion, found a text; leave it out.");
    }
    checkNoTurns("a text");
    if (text.isEmpty()) {
      return new Made(new Sample(new int[0], new int[0]), -1);
    }
    return new Made(Sample.unmasked(tokenizer.encode(ended(text), true)), -1);
  }

  private void checkNoTurns(String found) {
    if (Boolean.TRUE.equals(loss.assistantOnly())) {
      throw new UserException(
          "--assistant-only-loss needs conversations, found %s; leave it out.".formatted(found));
    }
  }

  private String ended(String text) {
    @Nullable String eos = tokenizer.specialTokens().eos();
    return eos == null || text.endsWith(eos) ? text : text + eos;
  }

  /// `prompt + completion` with the end token is tokenized as one text, so that it decodes to
  /// exactly that. The prompt ends where that sequence parts from the prompt tokenized alone: a
  /// token that joins the end of the prompt with the start of the completion (` 4` for a prompt
  /// that ends in a space) belongs to the completion, so nothing of the completion escapes the
  /// loss. Of an empty completion the end token is learned.
  private Made completion(String prompt, String completion) {
    checkNoTurns("a prompt and a completion in strings");
    if (tokenizer.eosId() == null) {
      throw new UserException(
          "the tokenizer names no eos_token to end a completion with; add it to"
              + " tokenizer_config.json.");
    }
    int[] ids = tokenizer.encode(prompt + ended(completion), true);
    int promptLength = commonPrefix(tokenizer.encode(prompt, true), ids);
    int masked = loss.completionsAlone() ? promptLength : 0;
    return new Made(masked(ids, masked), promptLength);
  }

  private static Sample masked(int[] ids, int prompt) {
    if (prompt == 0) {
      return Sample.unmasked(ids);
    }
    int[] labels = ids.clone();
    Arrays.fill(labels, 0, prompt, Sample.IGNORE);
    return new Sample(ids, labels);
  }

  /// The template writes all special tokens, the first included, so none are added.
  private Made conversation(TrainingRecord.Conversation record) {
    if (template == null) {
      throw new UserException(
          "chat messages, but the model folder has no chat template; add chat_template.jinja to"
              + " it, or use prompt and completion rows.");
    }
    boolean messages = record.promptTurns() == 0;
    if (messages && Boolean.TRUE.equals(loss.completionOnly())) {
      throw new UserException(
          "--completion-only-loss needs rows of prompt and completion, found messages; use"
              + " --assistant-only-loss.");
    }
    Conversation conversation = conversationOf(record);
    Rendering whole = template.rendering(conversation, false);
    TokenSpans tokens = tokenizer.encodeWithSpans(whole.text(), false);
    int[] labels = tokens.ids().clone();
    int answer = -1;
    if (!messages) {
      String prompt = template.render(conversation.first(record.promptTurns()), true);
      answer = commonPrefix(tokenizer.encode(prompt, false), tokens.ids());
      if (loss.completionsAlone()) {
        Arrays.fill(labels, 0, answer, Sample.IGNORE);
      }
    }
    if (loss.assistantAlone(messages)) {
      mask(labels, AssistantSpans.mask(tokens, conversation, template, whole));
      maskUntrainedTurns(labels, tokens, conversation, template, whole);
    }
    return new Made(new Sample(tokens.ids(), labels), answer);
  }

  private static Conversation conversationOf(TrainingRecord.Conversation record) {
    ObjectNode variables = record.variables().deepCopy();
    JsonNode tools = variables.remove("tools");
    JsonNode documents = variables.remove("documents");
    return new Conversation(
        record.messages().stream().map(ChatMessage::new).toList(),
        tools instanceof ArrayNode list ? list : null,
        documents instanceof ArrayNode list ? list : null,
        variables);
  }

  private static void mask(int[] labels, boolean[] learned) {
    for (int i = 0; i < labels.length; i++) {
      if (!learned[i]) {
        labels[i] = Sample.IGNORE;
      }
    }
  }

  /// Takes the loss off turns that the data marks with `"weight": 0` (OpenAI's key) or `"training":
  /// false` (axolotl's).
  private static void maskUntrainedTurns(
      int[] labels,
      TokenSpans tokens,
      Conversation conversation,
      ChatTemplate template,
      Rendering whole) {
    List<ChatMessage> turns =
        conversation.messages().stream().filter(turn -> turn.role().equals("assistant")).toList();
    if (turns.stream().allMatch(SampleMaker::isTrained)) {
      return;
    }
    List<TextSpan> spans = AssistantSpans.of(conversation, template, whole);
    if (spans.size() != turns.size()) {
      throw new UserException(
          "some turns are marked as not to be learned, but the template writes %d blocks for %d turns of the assistant; take the marks out of the data."
              .formatted(spans.size(), turns.size()));
    }
    List<TextSpan> untrained = new ArrayList<>();
    for (int turn = 0; turn < spans.size(); turn++) {
      if (!isTrained(turns.get(turn))) {
        untrained.add(spans.get(turn));
      }
    }
    for (int i = 0; i < labels.length; i++) {
      TextSpan token = new TextSpan(tokens.starts()[i], tokens.ends()[i]);
      if (untrained.stream().anyMatch(token::overlaps)) {
        labels[i] = Sample.IGNORE;
      }
    }
  }

  private static boolean isTrained(ChatMessage turn) {
    JsonNode weight = turn.fields().path("weight");
    if (weight.isNumber() && weight.asDouble() != 0 && weight.asDouble() != 1) {
      throw new UserException(
          "a turn has the weight %s; expected 0 (not learned) or 1.".formatted(weight));
    }
    boolean zero = weight.isNumber() && weight.asDouble() == 0;
    boolean off =
        turn.fields().path("training").isBoolean() && !turn.fields().path("training").asBoolean();
    return !zero && !off;
  }

  private static int commonPrefix(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }
}
