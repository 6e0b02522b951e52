package dev.fettle.cli;

import dev.fettle.model.Generator;
import dev.fettle.model.SamplingOptions;
import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.StreamingDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A conversation with a model. The whole conversation is rendered anew for every turn; of its
/// tokens only those that the generator has not read yet are computed.
///
/// A model without a chat template goes on with the text, as `generate` does.
final class ChatSession implements AutoCloseable {
  private final OpenModel open;
  private final @Nullable ChatTemplate template;
  private final SamplingOptions sampling;
  private final int maxNewTokens;
  private final @Nullable String system;
  private final Set<Integer> stopIds;
  private final List<ChatMessage> messages = new ArrayList<>();

  /// What the generator has read or written.
  private final List<Integer> read = new ArrayList<>();

  private @Nullable Generator generator;

  ChatSession(
      OpenModel open,
      @Nullable ChatTemplate template,
      SamplingOptions sampling,
      int maxNewTokens,
      @Nullable String system) {
    this.open = open;
    this.template = template;
    this.sampling = sampling;
    this.maxNewTokens = maxNewTokens;
    this.system = system;
    this.stopIds = open.stopIds();
    reset();
  }

  /// Forgets everything but the system message.
  void reset() {
    messages.clear();
    if (system != null) {
      messages.add(new ChatMessage("system", system));
    }
  }

  List<ChatMessage> messages() {
    return List.copyOf(messages);
  }

  /// The model's answer to `text`.
  ///
  /// @param onPiece receives the answer piece by piece
  /// @param stop ends the answer early; what is there so far stays in the conversation
  String reply(String text, Consumer<String> onPiece, BooleanSupplier stop) {
    messages.add(new ChatMessage("user", text));
    int[] prompt = fittingPrompt();
    int[] unread = unread(prompt);
    StreamingDecoder decoder = open.tokenizer().streamingDecoder(prompt);
    StringBuilder answer = new StringBuilder();
    Consumer<String> show =
        piece -> {
          answer.append(piece);
          onPiece.accept(piece);
        };
    List<Integer> fresh =
        generator(capacity())
            .generate(
                unread,
                maxNewTokens,
                stopIds::contains,
                id -> {
                  if (!stopIds.contains(id)) {
                    show.accept(decoder.next(id));
                  }
                  return !stop.getAsBoolean();
                });
    show.accept(decoder.flush());
    Arrays.stream(unread).forEach(read::add);
    read.addAll(fresh);
    messages.add(new ChatMessage("assistant", answer.toString()));
    return answer.toString();
  }

  private int capacity() {
    return open.model().maxLength();
  }

  /// The tokens of the conversation. Its oldest turns are dropped until an answer fits behind them.
  private int[] fittingPrompt() {
    int[] prompt = prompt();
    int first = system == null ? 0 : 1;
    while (prompt.length + maxNewTokens > capacity() && messages.size() > first + 1) {
      messages.remove(first);
      if (messages.size() > first + 1) {
        messages.remove(first); // a question goes together with its answer
      }
      prompt = prompt();
    }
    return prompt;
  }

  private int[] prompt() {
    if (template != null) {
      return open.tokenizer().encode(template.render(messages, true), false);
    }
    StringBuilder text = new StringBuilder();
    messages.forEach(message -> text.append(message.content()));
    return open.promptIds(text.toString());
  }

  /// What the generator still has to read; it starts anew when the conversation no longer begins
  /// with what it has read.
  private int[] unread(int[] prompt) {
    int known = read.size();
    boolean continues = known < prompt.length;
    for (int i = 0; continues && i < known; i++) {
      continues = read.get(i) == prompt[i];
    }
    if (!continues) {
      close();
      known = 0;
    }
    return Arrays.copyOfRange(prompt, known, prompt.length);
  }

  private Generator generator(int capacity) {
    if (generator == null) {
      generator = new Generator(open.model(), sampling, capacity, true);
    }
    return generator;
  }

  /// Frees the keys and values.
  @Override
  public void close() {
    if (generator != null) {
      generator.close();
      generator = null;
    }
    read.clear();
  }
}
