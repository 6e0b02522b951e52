package dev.fettle.doctor;

import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Sample;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Whether the model learns a token to stop with, and generation stops at it.
record MissingEosCheck() implements ModelCheck {
  private static final String ANSWER = "Zebra";

  @Override
  public String id() {
    return "missing-eos";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Tokenizer tokenizer = patient.tokenizer().value();
    if (tokenizer == null) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    Stops stops = Stops.of(patient);
    Integer eos = tokenizer.eosId();
    if (eos == null) {
      findings.add(
          Finding.error(
              id(),
              "the tokenizer names no eos_token, so prompt and completion data is refused and plain"
                  + " text trains no end",
              "add \"eos_token\": \"%s\" to tokenizer_config.json"
                  .formatted(
                      stops.config().stream()
                          .findFirst()
                          .map(id -> patient.names().texts().getOrDefault(id, "</s>"))
                          .orElse("</s>"))));
    } else {
      lists(patient, stops, eos, findings);
      completion(patient, tokenizer, eos, findings);
    }
    ChatTemplate template = patient.templateOrNull();
    if (template != null) {
      turn(patient, tokenizer, template, stops, findings);
    }
    if (findings.isEmpty() && eos != null) {
      findings.add(
          Finding.ok(
              id(), "ends are learned, and generation stops at " + named(patient, stops.all())));
    }
    return findings;
  }

  /// What trained texts end with must be among what generation stops at.
  private void lists(Patient patient, Stops stops, int eos, List<Finding> findings) {
    Set<Integer> generation = stops.generation();
    String named = patient.names().named(eos);
    if (generation != null && !generation.contains(eos)) {
      findings.add(
          Finding.error(
              id(),
              "eos_token is %s, which texts are trained to end with, but eos_token_id in generation_config.json is %s: transformers and others do not stop there"
                  .formatted(named, named(patient, generation)),
              "write %s into generation_config.json".formatted(stops.withOneMore(eos))));
    } else if (generation == null && !stops.config().contains(eos)) {
      boolean none = stops.config().isEmpty();
      String found =
          none
              ? "neither config.json nor generation_config.json has an eos_token_id; the tokenizer's"
                  + " is "
                  + named
              : "eos_token is %s, but eos_token_id in config.json is %s"
                  .formatted(named, named(patient, stops.config()));
      String fix = "write %s into config.json".formatted(stops.withOneMore(eos));
      findings.add(none ? Finding.warning(id(), found, fix) : Finding.error(id(), found, fix));
    }
    if (generation != null && findings.isEmpty() && !generation.containsAll(stops.config())) {
      findings.add(
          Finding.warning(
              id(),
              "eos_token_id is %s in config.json and %s in generation_config.json; which counts depends on the tool"
                  .formatted(named(patient, stops.config()), named(patient, generation)),
              "write %s into both".formatted(stops.withOneMore(eos))));
    }
  }

  private void completion(Patient patient, Tokenizer tokenizer, int eos, List<Finding> findings) {
    TrainingPath path = new TrainingPath(tokenizer, null);
    Sample sample = Attempt.of(() -> path.completion("Name an animal: ", ANSWER)).value();
    if (sample != null && sample.labels()[sample.length() - 1] != eos) {
      findings.add(
          Finding.error(
              id(),
              "a completion ends with %s and not with the eos_token %s"
                  .formatted(
                      patient.names().named(sample.ids()[sample.length() - 1]),
                      patient.names().named(eos)),
              "this is a fault in Fettle; please report it"));
    }
  }

  /// The token the template ends an answer with.
  private void turn(
      Patient patient,
      Tokenizer tokenizer,
      ChatTemplate template,
      Stops stops,
      List<Finding> findings) {
    List<ChatMessage> messages = List.of(Probes.user("Name an animal."), Probes.assistant(ANSWER));
    String whole = Attempt.of(() -> template.render(messages, false)).value();
    if (whole == null || !whole.contains(ANSWER)) {
      return;
    }
    String after = whole.substring(whole.lastIndexOf(ANSWER) + ANSWER.length());
    int[] ids = tokenizer.encode(after, false);
    if (Arrays.stream(ids).noneMatch(stops.all()::contains)) {
      findings.add(unstopped(patient, tokenizer, stops, after));
      return;
    }
    @Nullable Sample sample =
        Attempt.of(() -> new TrainingPath(tokenizer, template).chat(messages, true)).value();
    if (sample != null && Arrays.stream(sample.labels()).noneMatch(stops.all()::contains)) {
      findings.add(
          Finding.error(
              id(),
              "the template ends an answer with %s, but outside of its {%% generation %%} block: no label teaches the model to stop"
                  .formatted(Shown.quote(after)),
              "move {% endgeneration %} behind the token that ends the turn"));
    }
    reached(patient, stops, ids, findings);
  }

  private Finding unstopped(Patient patient, Tokenizer tokenizer, Stops stops, String after) {
    String marker = after.strip().lines().findFirst().orElse("");
    Integer single = marker.isEmpty() ? null : tokenizer.idOf(marker);
    if (single != null) {
      return Finding.error(
          id(),
          "the template ends an answer with %s, but generation stops at %s only: a trained model runs on"
              .formatted(patient.names().named(single), named(patient, stops.all())),
          "write %s into generation_config.json".formatted(stops.withOneMore(single)));
    }
    return Finding.error(
        id(),
        "the template writes %s after an answer, which has no token that ends a text (%s): a trained model runs on"
            .formatted(
                after.isEmpty() ? "nothing" : Shown.quote(after), named(patient, stops.all())),
        marker.isEmpty()
            ? "write {{ eos_token }} after the assistant's words in the chat template"
            : "take the chat template that belongs to this tokenizer, or write {{ eos_token }} after"
                + " the assistant's words in it");
  }

  /// The end of a turn must be in what transformers looks at, too.
  private void reached(Patient patient, Stops stops, int[] ids, List<Finding> findings) {
    Set<Integer> read = stops.transformers();
    if (!read.isEmpty() && findings.isEmpty() && Arrays.stream(ids).noneMatch(read::contains)) {
      int end = Arrays.stream(ids).filter(stops.all()::contains).findFirst().orElseThrow();
      findings.add(
          Finding.error(
              id(),
              "the template ends an answer with %s, at which transformers does not stop: it reads %s from %s"
                  .formatted(
                      patient.names().named(end),
                      named(patient, read),
                      stops.generation() == null ? "config.json" : "generation_config.json"),
              "write %s into generation_config.json".formatted(stops.withOneMore(end))));
    }
  }

  private static String named(Patient patient, Set<Integer> ids) {
    return ids.isEmpty()
        ? "nothing"
        : Shown.list(ids.stream().map(patient.names()::named).toList());
  }
}
