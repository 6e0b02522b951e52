package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// One sample per line. A line is one of
///
/// ```
/// {"prompt": "2+2=", "completion": "4"}          loss on the completion and its end token
/// {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
/// {"text": "Once upon a time"}                   loss on everything, end token added
/// ```
///
/// Blank lines are skipped. A sequence longer than the sequence length loses its end; if that takes
/// everything there is to learn, the line is dropped and counted in [DatasetSummary#dropped].
final class JsonlReader {
  private final Path file;
  private final @Nullable ChatTemplate template;
  private final DatasetOptions options;
  private final SampleMaker maker;
  private final List<Sample> samples = new ArrayList<>();
  private final DatasetSummary.Builder summary = new DatasetSummary.Builder();

  JsonlReader(
      Path file, Tokenizer tokenizer, @Nullable ChatTemplate template, DatasetOptions options) {
    this.file = file;
    this.template = template;
    this.options = options;
    this.maker = new SampleMaker(tokenizer, options.completionOnly());
  }

  Dataset read() {
    Utf8Lines.read(file, this::line);
    InMemoryDataset dataset = new InMemoryDataset(samples, summary.build());
    if (dataset.size() > 0) {
      return dataset;
    }
    int dropped = dataset.summary().dropped();
    throw new UserException(
        dropped == 0
            ? file + " has no samples; expected one JSON object per line."
            : "No answer in %s lies within the sequence length of %d; the longest of its %d samples has %d tokens, so raise the sequence length."
                .formatted(file, options.seqLength(), dropped, dataset.summary().longest()));
  }

  private void line(String line, long number) {
    if (line.isBlank()) {
      return;
    }
    String where = file + " line " + number;
    ObjectNode object = Json.parse(line, where);
    try {
      add(sample(object));
    } catch (UserException e) {
      throw new UserException(where + ": " + e.getMessage(), e);
    }
  }

  private void add(Sample whole) {
    Sample sample = whole.truncated(options.seqLength());
    if (sample.targetTokens() == 0) {
      summary.drop(whole.length());
    } else {
      samples.add(sample);
      summary.add(sample, whole.length());
    }
  }

  private Sample sample(ObjectNode line) {
    if (line.has(options.promptKey()) && line.has(options.completionKey())) {
      return maker.completion(
          string(line, options.promptKey()), string(line, options.completionKey()));
    }
    if (line.has("messages")) {
      if (template == null) {
        throw new UserException(
            "chat messages, but the model folder has no chat template; add chat_template.jinja to"
                + " it, or use prompt and completion lines.");
      }
      return maker.chat(conversation(line), template);
    }
    if (line.has("text")) {
      return maker.text(string(line, "text"));
    }
    throw new UserException(
        "expected the keys \"%s\" and \"%s\", or \"messages\", or \"text\"; found %s."
            .formatted(options.promptKey(), options.completionKey(), line.propertyNames()));
  }

  private static Conversation conversation(ObjectNode line) {
    JsonNode list = line.path("messages");
    List<ChatMessage> messages = new ArrayList<>();
    list.forEach(message -> messages.add(ChatMessage.of(message)));
    if (messages.isEmpty()) {
      throw new UserException("expected a list of messages, found " + list + ".");
    }
    return new Conversation(
        messages,
        line.get("tools") instanceof ArrayNode tools ? tools : null,
        line.get("documents") instanceof ArrayNode documents ? documents : null,
        line.get("chat_template_kwargs") instanceof ObjectNode more ? more : Json.object());
  }

  private static String string(JsonNode object, String key) {
    JsonNode value = object.path(key);
    if (value.isString()) {
      return value.asString();
    }
    throw new UserException("expected a string under \"" + key + "\", found " + value + ".");
  }
}
