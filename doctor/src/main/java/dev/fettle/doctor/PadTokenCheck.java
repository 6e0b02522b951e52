package dev.fettle.doctor;

import dev.fettle.text.Batches;
import dev.fettle.text.Sample;
import dev.fettle.text.TokenBatch;
import dev.fettle.text.Tokenizer;
import java.util.List;
import java.util.Objects;

/// Whether padding can hide the end of a text.
record PadTokenCheck() implements ModelCheck {
  @Override
  public String id() {
    return "pad-token";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Tokenizer tokenizer = patient.tokenizer().value();
    if (tokenizer == null || tokenizer.eosId() == null) {
      return List.of();
    }
    int eos = Objects.requireNonNull(tokenizer.eosId());
    int pad = Batches.padId(tokenizer);
    if (!keepsTheEnd(eos, pad)) {
      return List.of(
          Finding.error(
              id(),
              "padding with %s takes the label from the end of a text"
                  .formatted(patient.names().named(pad)),
              "name another pad_token in tokenizer_config.json"));
    }
    if (tokenizer.padId() == null) {
      return List.of(
          Finding.ok(
              id(),
              "no pad_token, so %s pads; labels are masked by place, not by token"
                  .formatted(patient.names().named(pad))));
    }
    if (pad == eos) {
      return List.of(
          Finding.note(
              id(),
              "%s both pads and ends a text; Fettle masks padding by its place and keeps the end, but a collator that masks every label equal to the pad token, as Python's DataCollatorForLanguageModeling does, never teaches it"
                  .formatted(patient.names().named(eos)),
              "for such trainers name another pad_token in tokenizer_config.json"));
    }
    return List.of(Finding.ok(id(), "pads with " + patient.names().named(pad)));
  }

  /// Pads a text that ends in `eos` as training does.
  private static boolean keepsTheEnd(int eos, int pad) {
    Sample shorter = Sample.unmasked(new int[] {eos + 1, eos});
    Sample longer = Sample.unmasked(new int[] {eos + 1, eos + 1, eos});
    TokenBatch batch = TokenBatch.of(List.of(shorter, longer), pad);
    return batch.labels()[0][1] == eos && batch.labels()[0][2] == Sample.IGNORE;
  }
}
