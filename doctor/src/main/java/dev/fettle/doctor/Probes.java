package dev.fettle.doctor;

import dev.fettle.text.ChatMessage;
import dev.fettle.text.SpecialTokens;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Stream;

/// Texts and conversations on which tokenizers that differ usually part.
final class Probes {
  private static final String UNICODE =
      "H\u00e9llo w\u00f6rld, \u4f60\u597d\u4e16\u754c, \u041f\u0440\u0438\u0432\u0435\u0442,"
          + " \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35, e\u0301 \ud83d\ude42\ud83d\udc68\u200d\ud83d\udc69 \u00a0\u3000\u2581";
  private static final String NUMBERS =
      "1 12 123 1234 12345 123456 3.14159 1,000,000 2026-01-31 0x1F \u00b2 \u0661\u0662\u0663";
  private static final String SPACES = " a  b   c\t\td \n\n\n  e\r\n \n f    ";
  private static final String CODE =
      "for (int i = 0; i < n; i++) {\n\tif (x[i] != '\\n') { sum += x[i]; } // it's\n}\n";
  private static final String CONTRACTIONS =
      "I'm you'RE he'll WE'D they've it's HTTPServer camelCase snake_case x='s'";
  private static final String PUNCTUATION =
      "Wait... what?!?! (yes) -- \"no\" $5+5=10; a/b\\c @#%^&*|~";

  private Probes() {}

  /// Plain texts by what they are about.
  static SequencedMap<String, String> texts(SpecialTokens special) {
    SequencedMap<String, String> texts = new LinkedHashMap<>();
    texts.put("plain words", "Once upon a time, there was a little girl named Lily.");
    texts.put("white space", SPACES);
    texts.put("numbers", NUMBERS);
    texts.put("contractions", CONTRACTIONS);
    texts.put("punctuation", PUNCTUATION);
    texts.put("other scripts", UNICODE);
    texts.put("code", CODE);
    texts.put("a repeated letter", "a".repeat(70) + "=".repeat(33) + " ".repeat(21) + "b");
    String tokens =
        Stream.of(special.bos(), special.eos(), special.pad())
            .filter(Objects::nonNull)
            .map(token -> " a" + token + " b " + token + "c")
            .reduce("", String::concat);
    if (!tokens.isEmpty()) {
      texts.put("special tokens in the text", tokens);
    }
    return texts;
  }

  /// Conversations by what they are about; each ends with the assistant's words.
  static SequencedMap<String, List<ChatMessage>> conversations() {
    SequencedMap<String, List<ChatMessage>> conversations = new LinkedHashMap<>();
    conversations.put("one turn", List.of(user("What is 2+2?"), assistant("It is 4.")));
    conversations.put(
        "several turns",
        List.of(
            user("Hello!"),
            assistant("Hi, how are you?"),
            user("Name three colours."),
            assistant("Red, green, blue.")));
    conversations.put(
        "a system message",
        List.of(
            new ChatMessage("system", "Answer in one sentence."),
            user("Why is the sky blue?"),
            assistant("Blue light is scattered most.")));
    for (Map.Entry<String, String> text :
        Map.of("white space", SPACES, "numbers", NUMBERS, "other scripts", UNICODE, "code", CODE)
            .entrySet()
            .stream()
            .sorted(Map.Entry.comparingByKey())
            .toList()) {
      List<ChatMessage> messages = new ArrayList<>();
      messages.add(user(text.getValue()));
      messages.add(assistant(text.getValue()));
      conversations.put(text.getKey() + " in a conversation", messages);
    }
    return conversations;
  }

  static ChatMessage user(String text) {
    return new ChatMessage("user", text);
  }

  static ChatMessage assistant(String text) {
    return new ChatMessage("assistant", text);
  }
}
