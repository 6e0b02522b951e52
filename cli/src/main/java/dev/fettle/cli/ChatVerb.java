package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle chat`: a conversation in the terminal.
@Command(
    name = "chat",
    header = "Hold a conversation with a model in the terminal.",
    description = {
      "Type a line and press Enter; /reset starts over, /exit or Ctrl-D ends. Ctrl-C ends the answer"
          + " that is being written. Lines can also come from a file or a pipe.",
      "A model without a chat template goes on with what you type."
    },
    footer = "  fettle chat --model MERGED --system \"Answer in one sentence.\"")
final class ChatVerb extends Verb {
  private static final double DEFAULT_TEMPERATURE = 0.7;

  @Mixin ModelOptions options = new ModelOptions();

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "System message before the conversation (default: none).")
  @Nullable String system;

  @Mixin ChatTemplateOptions templates = new ChatTemplateOptions();

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "Longest answer in tokens (default: 256).")
  int maxNewTokens = 256;

  @Mixin SamplingMixin sampling = new SamplingMixin();

  /// A conversation is planned for this many characters.
  private static final String CONVERSATION = " ".repeat(3000);

  @Mixin PlanOptions plan = new PlanOptions();

  ChatVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    if (maxNewTokens < 1) {
      throw usage("--max-new-tokens must be 1 or more, not " + maxNewTokens);
    }
    plan.check(console, options.model, options.generation(CONVERSATION, maxNewTokens, true));
    try (OpenModel open = options.open();
        ChatInput input = ChatInput.open()) {
      ChatTemplate template = templates.load(options.model);
      if (template == null) {
        console.err().println("This model has no chat template; it goes on with what you type.");
      }
      int longest = Math.min(maxNewTokens, open.model().maxLength() / 2);
      try (ChatSession session =
          new ChatSession(open, template, sampling.options(DEFAULT_TEMPERATURE), longest, system)) {
        converse(console, input, session);
        return Answer.of(json(session));
      }
    }
  }

  private static void converse(Console console, ChatInput input, ChatSession session) {
    for (String line = input.next(); line != null; line = input.next()) {
      console.stop().check();
      String text = line.strip();
      if (text.equals("/exit")) {
        return;
      }
      if (text.equals("/reset")) {
        session.reset();
      } else if (!text.isEmpty()) {
        session.reply(
            text,
            piece -> {
              console.out().print(piece);
              console.out().flush();
            },
            () -> input.interrupted() || console.stop().requested());
        console.out().println();
      }
    }
  }

  private static ObjectNode json(ChatSession session) {
    ObjectNode json = Json.object();
    ArrayNode messages = json.putArray("messages");
    for (ChatMessage message : session.messages()) {
      messages.add(Json.object().put("role", message.role()).put("content", message.content()));
    }
    return json;
  }
}
