package dev.fettle.doctor;

import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.SpecialTokens;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Compares the tokens of a folder with those of a GGUF file on every probe.
final class TextComparison {
  private final Tokenizer ours;
  private final @Nullable ChatTemplate ourTemplate;
  private final GgufText theirs;
  private final String name;
  private final TokenNames names;
  private final List<String> differences = new ArrayList<>();

  private TextComparison(Patient patient, Tokenizer ours, GgufText theirs, String name) {
    this.ours = ours;
    this.ourTemplate = patient.templateOrNull();
    this.theirs = theirs;
    this.name = name;
    this.names = patient.names();
  }

  /// What differs, one sentence per probe.
  ///
  /// @param ours the folder's tokenizer
  /// @param name what to call the file
  static List<String> of(Patient patient, Tokenizer ours, GgufText theirs, String name) {
    TextComparison comparison = new TextComparison(patient, ours, theirs, name);
    comparison.special();
    Probes.texts(ours.specialTokens()).forEach(comparison::text);
    Probes.conversations().forEach(comparison::conversation);
    return comparison.differences;
  }

  private void special() {
    SpecialTokens a = ours.specialTokens();
    SpecialTokens b = theirs.tokenizer().specialTokens();
    role("bos", a.bosId(), b.bosId());
    role("eos", a.eosId(), b.eosId());
  }

  private void role(String role, @Nullable Integer a, @Nullable Integer b) {
    if (a != null && !a.equals(b)) {
      differences.add(
          "%s_token is %s in the folder and %s in %s"
              .formatted(role, names.named(a), b == null ? "missing" : names.named(b), name));
    }
  }

  private void text(String about, String text) {
    compare(about, ours.encode(text, false), theirs.tokenizer().encode(text, false));
    int[] a = ours.encode(text, true);
    int[] b = theirs.tokenizer().encode(text, true);
    if (about.equals("plain words")) { // what surrounds a text does not depend on it
      compare(about + " with special tokens", a, b);
    }
  }

  private void compare(String about, int[] a, int[] b) {
    String difference = Difference.of("the folder", a, name, b, names);
    if (difference != null) {
      differences.add(about + ": " + difference);
    }
  }

  private void conversation(String about, List<ChatMessage> messages) {
    ChatTemplate template = ourTemplate;
    Optional<ChatTemplate> found = theirs.template().value();
    ChatTemplate other = found == null ? null : found.orElse(null);
    if (template == null || other == null) {
      if (template != null && about.equals("one turn")) {
        differences.add(
            "the folder has a chat template, %s has %s"
                .formatted(name, found == null ? "one that cannot be read" : "none"));
      }
      return;
    }
    String a = Attempt.of(() -> template.render(messages, false)).value();
    String b = Attempt.of(() -> other.render(messages, false)).value();
    if (a == null || b == null) {
      if (a != null || b != null) {
        differences.add(
            about + ": only one of the folder's and " + name + "'s chat templates refuses it");
      }
      return;
    }
    compare(about, ours.encode(a, false), theirs.tokenizer().encode(b, false));
  }
}
