package dev.fettle.doctor;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.text.Dataset;
import dev.fettle.text.Sample;
import dev.fettle.text.SpecialTokens;
import dev.fettle.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What is seen in the tokens and labels of every sample.
final class DataRows {
  private final Patient patient;
  private final Dataset dataset;
  private final Set<Integer> stops;
  private final SpecialTokens special;
  private final long rows;
  private int doubled;
  private int endless;
  private int beyond;
  private long unknown;
  private String firstDoubled = "";
  private String firstEndless = "";
  private String firstBeyond = "";

  private DataRows(Dataset dataset, Patient patient, Tokenizer tokenizer) {
    this.patient = patient;
    this.dataset = dataset;
    this.stops = Stops.of(patient).all();
    this.special = tokenizer.specialTokens();
    ModelConfig config = patient.config().value();
    this.rows = config == null ? Long.MAX_VALUE : config.vocabSize();
  }

  static DataRows of(Dataset dataset, Patient patient) {
    Tokenizer tokenizer = Objects.requireNonNull(patient.tokenizer().value());
    DataRows seen = new DataRows(dataset, patient, tokenizer);
    for (int i = 0; i < dataset.size(); i++) {
      seen.add(i, dataset.get(i));
    }
    return seen;
  }

  private void add(int index, Sample sample) {
    @Nullable Integer bos = special.bosId();
    if (bos != null && DoubleBosCheck.leading(sample.ids(), bos) > 1) {
      firstDoubled = doubled++ == 0 ? dataset.origin(index) : firstDoubled;
    }
    @Nullable Integer unk = special.unkId();
    boolean ended = false;
    boolean outside = false;
    for (int i = 0; i < sample.length(); i++) {
      int id = sample.ids()[i];
      ended |= stops.contains(sample.labels()[i]);
      outside |= id >= rows;
      unknown += unk != null && id == unk ? 1 : 0;
    }
    if (outside) {
      firstBeyond = beyond++ == 0 ? dataset.origin(index) : firstBeyond;
    }
    if (!ended && sample.length() < patient.request().dataset().seqLength()) {
      firstEndless = endless++ == 0 ? dataset.origin(index) : firstEndless;
    }
  }

  List<Finding> findings() {
    List<Finding> findings = new ArrayList<>();
    if (doubled > 0) {
      findings.add(
          Finding.error(
              "double-bos",
              "%s of %s samples begin with two %s; the first is %s"
                  .formatted(
                      Shown.count(doubled),
                      Shown.count(dataset.size()),
                      patient.names().named(Objects.requireNonNull(special.bosId())),
                      firstDoubled),
              "take the token out of the data, since the tokenizer writes it"));
    }
    if (beyond > 0) {
      findings.add(
          Finding.error(
              "vocabulary-size",
              "%s samples hold tokens beyond the %s rows of the embedding; the first is %s"
                  .formatted(Shown.count(beyond), Shown.count(rows), firstBeyond),
              "see the finding about vocabulary-size above"));
    }
    if (endless > 0 && !plainText()) {
      findings.add(
          Finding.error(
              "missing-eos",
              "%s of %s samples teach no token that ends a text; the first is %s"
                  .formatted(Shown.count(endless), Shown.count(dataset.size()), firstEndless),
              "let the chat template write the end token inside of what is learned"));
    }
    long tokens = dataset.summary().tokens();
    if (unknown > 0) {
      findings.add(
          Finding.warning(
              "data",
              "%s of %s tokens are %s: the tokenizer has none for these letters"
                  .formatted(
                      Shown.count(unknown),
                      Shown.count(tokens),
                      patient.names().named(Objects.requireNonNull(special.unkId()))),
              "check that the tokenizer belongs to the model and the file is UTF-8"));
    }
    return findings;
  }

  /// Blocks of plain text end where they are cut.
  private boolean plainText() {
    return dataset.origin(0).contains(" block ");
  }
}
