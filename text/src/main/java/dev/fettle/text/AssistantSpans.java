package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Where in a rendered conversation the assistant speaks, and which tokens that is.
final class AssistantSpans {
  private AssistantSpans() {}

  /// Whether each token is one of the assistant's. With `generation` blocks in the template these
  /// are the tokens of transformers' `return_assistant_tokens_mask`: from the first token that
  /// holds a block's first character to the first that holds its last. Without, all that overlap
  /// what the assistant said.
  ///
  /// @param tokens of `whole`
  /// @throws UserException as [#of]
  static boolean[] mask(
      TokenSpans tokens, Conversation conversation, ChatTemplate template, Rendering whole) {
    boolean[] mask = new boolean[tokens.ids().length];
    if (whole.generated().isEmpty()) {
      List<TextSpan> spans = of(conversation, template, whole);
      for (int i = 0; i < mask.length; i++) {
        TextSpan token = new TextSpan(tokens.starts()[i], tokens.ends()[i]);
        mask[i] = spans.stream().anyMatch(token::overlaps);
      }
      return mask;
    }
    for (TextSpan span : whole.generated()) {
      int first = tokenAt(tokens, span.start());
      if (first < 0) {
        break; // transformers takes the rest to be cut off
      }
      int last = tokenAt(tokens, span.end() - 1);
      for (int i = first; i < (last > 0 ? last + 1 : mask.length); i++) {
        mask[i] = true;
      }
    }
    return mask;
  }

  /// The first token that holds this character, or -1.
  private static int tokenAt(TokenSpans tokens, int character) {
    for (int i = 0; i < tokens.ids().length; i++) {
      if (character >= tokens.starts()[i] && character < tokens.ends()[i]) {
        return i;
      }
    }
    return -1;
  }

  /// The `{% generation %}` blocks of the template, if it has any. Else turn i of the assistant
  /// begins where the conversation before it, with the generation prompt, ends, and it ends where
  /// the conversation up to it parts from the whole. So its closing tokens are learned too, and
  /// what the template only writes at the very end is not. A turn that the template writes
  /// differently once later ones exist is found by [RewrittenTurn].
  ///
  /// @param whole the whole conversation
  /// @throws UserException if a turn cannot be told apart in the whole conversation
  static List<TextSpan> of(Conversation conversation, ChatTemplate template, Rendering whole) {
    if (!whole.generated().isEmpty()) {
      return whole.generated();
    }
    String text = whole.text();
    List<ChatMessage> messages = conversation.messages();
    List<TextSpan> spans = new ArrayList<>();
    for (int turn = 0; turn < messages.size(); turn++) {
      if (!messages.get(turn).role().equals("assistant")) {
        continue;
      }
      String before = template.render(conversation.first(turn), true);
      @Nullable TextSpan span = unchanged(conversation, template, text, turn, before);
      if (span == null) {
        span = new RewrittenTurn(conversation, template, text).find(turn, before);
      }
      if (span == null || !spans.isEmpty() && span.start() < spans.getLast().end()) {
        throw differs(turn);
      }
      spans.add(span);
    }
    return spans;
  }

  /// The turn where the whole conversation has it as the conversation up to it has, or null.
  private static @Nullable TextSpan unchanged(
      Conversation conversation, ChatTemplate template, String text, int turn, String before) {
    if (!text.startsWith(before)) {
      return null;
    }
    String upTo = template.render(conversation.first(turn + 1), false);
    TextSpan span = new TextSpan(before.length(), commonPrefix(upTo, text));
    boolean whollyInside = span.end() == upTo.length();
    boolean found = whollyInside || holds(span, text, conversation.messages().get(turn));
    return span.end() >= span.start() && found ? span : null;
  }

  /// Whether what the assistant said stands in this part of the text.
  private static boolean holds(TextSpan span, String text, ChatMessage message) {
    if (span.end() < span.start()) {
      return false;
    }
    String said = message.content().strip();
    return !said.isEmpty() && text.substring(span.start(), span.end()).contains(said);
  }

  private static UserException differs(int turn) {
    return new UserException(
        "the chat template writes turn "
            + (turn + 1)
            + " differently inside the whole conversation, so the assistant's words cannot be"
            + " told apart; mark them with {% generation %} in the template, or take the loss"
            + " on everything.");
  }

  static int commonPrefix(String a, String b) {
    int length = 0;
    while (length < Math.min(a.length(), b.length()) && a.charAt(length) == b.charAt(length)) {
      length++;
    }
    return length;
  }
}
