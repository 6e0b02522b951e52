package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.util.ArrayList;
import java.util.List;

/// Where in a rendered conversation the assistant speaks.
final class AssistantSpans {
  private AssistantSpans() {}

  /// The `{% generation %}` blocks of the template, if it has any. Else turn i of the assistant
  /// begins where the conversation before it, with the generation prompt, ends, and it ends where
  /// the conversation up to it parts from the whole. So its closing tokens are learned too, and
  /// what the template only writes at the very end is not.
  ///
  /// @param whole the whole conversation
  /// @throws UserException if the template writes an earlier turn differently once later ones exist
  static List<TextSpan> of(List<ChatMessage> messages, ChatTemplate template, Rendering whole) {
    if (!whole.generated().isEmpty()) {
      return whole.generated();
    }
    String text = whole.text();
    List<TextSpan> spans = new ArrayList<>();
    for (int turn = 0; turn < messages.size(); turn++) {
      if (!messages.get(turn).role().equals("assistant")) {
        continue;
      }
      String before = template.render(messages.subList(0, turn), true);
      if (!text.startsWith(before)) {
        throw new UserException(
            "the chat template writes turn "
                + (turn + 1)
                + " differently inside the whole conversation, so the assistant's words cannot be"
                + " told apart; mark them with {% generation %} in the template, or take the loss"
                + " on everything.");
      }
      String upTo = template.render(messages.subList(0, turn + 1), false);
      spans.add(new TextSpan(before.length(), commonPrefix(upTo, text)));
    }
    return spans;
  }

  private static int commonPrefix(String a, String b) {
    int length = 0;
    while (length < Math.min(a.length(), b.length()) && a.charAt(length) == b.charAt(length)) {
      length++;
    }
    return length;
  }
}
