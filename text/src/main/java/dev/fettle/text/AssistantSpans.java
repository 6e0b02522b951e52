package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;

/// Where in a rendered conversation the assistant speaks.
final class AssistantSpans {
  private AssistantSpans() {}

  /// Turn i of the assistant begins where the conversation before it, with the generation prompt,
  /// ends, and it ends where the conversation up to it parts from the whole. So its closing tokens
  /// are learned too, and what the template only writes at the very end is not.
  ///
  /// @param text the whole conversation, rendered
  /// @throws UserException if the template writes an earlier turn differently once later ones exist
  static List<TextSpan> of(
      List<ChatMessage> messages, ChatTemplate template, String text, String where) {
    List<TextSpan> spans = new ArrayList<>();
    for (int turn = 0; turn < messages.size(); turn++) {
      if (!messages.get(turn).role().equals("assistant")) {
        continue;
      }
      String before = template.render(messages.subList(0, turn), true);
      if (!text.startsWith(before)) {
        throw new UserException(
            where
                + ": the chat template writes turn "
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
