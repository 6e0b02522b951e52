package dev.fettle.demo.world;

/// A question with one short answer that can be checked by comparing strings.
///
/// @param topic name of the topic, for the accuracy per topic
/// @param key what the question is about; fine-tuning and test questions never share a key
/// @param text the question as a person would type it, one line
/// @param answer the whole expected answer
public record Question(String topic, String key, String text, String answer) {
  /// The line that a plain model is asked to continue; the chat template of the embedded model
  /// renders one user message to the same string (after the begin-of-text token).
  public String prompt() {
    return "Q: " + text + "\nA:";
  }

  /// What fine-tuning teaches after [#prompt()]; the end-of-text token follows.
  public String completion() {
    return " " + answer;
  }
}
