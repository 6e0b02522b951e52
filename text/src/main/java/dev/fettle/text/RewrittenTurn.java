package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A turn of the assistant that the template writes differently once later turns exist, as those
/// that leave the reasoning out of earlier turns do. Where its words stand in the whole
/// conversation is found by rendering it with other words in their place: what stays the same lies
/// around them.
final class RewrittenTurn {
  /// Characters of Unicode's private use area; no template looks at them.
  private static final String MARK = "\uE0F0\uE0F1";

  private static final String END_OF_REASONING = "</think>";

  private final Conversation conversation;
  private final ChatTemplate template;
  private final String text;
  private final String mark;

  /// @param text the whole conversation as the template writes it
  RewrittenTurn(Conversation conversation, ChatTemplate template, String text) {
    this.conversation = conversation;
    this.template = template;
    this.text = text;
    String unused = MARK;
    while (text.contains(unused)) {
      unused += MARK;
    }
    this.mark = unused;
  }

  /// From where the generation prompt ends, or at the latest the words begin, to the end of what
  /// closes the turn.
  ///
  /// @param before the conversation before the turn, with the generation prompt
  /// @return null if the words cannot be found for certain
  @Nullable TextSpan find(int turn, String before) {
    @Nullable Around whole = around(conversation, turn);
    @Nullable Around last = around(conversation.first(turn + 1), turn);
    if (whole == null || last == null || !text.startsWith(whole.before())) {
      return null;
    }
    String said = conversation.messages().get(turn).content().strip();
    String answer = said.substring(Math.max(0, afterReasoning(said))).strip();
    // what separates the words from a call of a tool is not written where there are no words
    String after = answer.isEmpty() ? whole.after().stripLeading() : whole.after();
    String closing = answer.isEmpty() ? last.after().stripLeading() : last.after();
    int from = whole.before().length();
    int to = text.length() - after.length();
    if (to < from || !text.endsWith(after)) {
      return null;
    }
    String words = text.substring(from, to).strip();
    if (!words.equals(said) && !words.equals(answer)) {
      return null;
    }
    int closed = AssistantSpans.commonPrefix(closing, after);
    boolean cut = answer.isEmpty() ? closed < closing.length() : closed == 0 && !closing.isEmpty();
    TextSpan span = new TextSpan(start(turn, before, from), to + closed);
    return cut || span.end() <= span.start() || reachesNext(turn, span) ? null : span;
  }

  private static int afterReasoning(String said) {
    int at = said.lastIndexOf(END_OF_REASONING);
    return at < 0 ? 0 : at + END_OF_REASONING.length();
  }

  private int start(int turn, String before, int words) {
    boolean known = text.startsWith(template.render(conversation.first(turn), false));
    return known ? Math.min(AssistantSpans.commonPrefix(before, text), words) : words;
  }

  /// Whether the span goes into the words of the turn after it.
  private boolean reachesNext(int turn, TextSpan span) {
    if (turn + 1 == conversation.messages().size()) {
      return false;
    }
    @Nullable Around next = around(conversation, turn + 1);
    return next != null && text.startsWith(next.before()) && span.end() > next.before().length();
  }

  /// What the template writes before and after the words of this turn.
  private record Around(String before, String after) {}

  private @Nullable Around around(Conversation talk, int turn) {
    List<ChatMessage> messages = new ArrayList<>(talk.messages());
    ObjectNode marked = messages.get(turn).fields().deepCopy();
    if (marked.path("content").isArray()) {
      ObjectNode part = Json.object().put("type", "text").put("text", mark);
      marked.putArray("content").add(part);
    } else {
      marked.put("content", mark);
    }
    messages.set(turn, new ChatMessage(marked));
    String rendered =
        template.render(
            new Conversation(messages, talk.tools(), talk.documents(), talk.variables()), false);
    int at = rendered.indexOf(mark);
    if (at < 0 || at != rendered.lastIndexOf(mark)) {
      return null;
    }
    return new Around(rendered.substring(0, at), rendered.substring(at + mark.length()));
  }
}
