package dev.fettle.doctor;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetFindings;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.DatasetSummary;
import dev.fettle.text.TemplateChoice;
import dev.fettle.text.Tokenizer;
import dev.fettle.text.records.DataFiles;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Whether training would learn what the data says: reads the file as `fettle finetune` does.
record DataCheck() implements ModelCheck {
  static final String ALL_MASKED = "all-masked";
  static final String TRUNCATED = "truncated-answers";

  /// Longer than any sample; samples are only cut where they are longer.
  private static final int UNCUT = 1 << 24;

  @Override
  public String id() {
    return "data";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    DataFiles file = patient.request().data();
    Tokenizer tokenizer = patient.tokenizer().value();
    if (file == null || tokenizer == null) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    DatasetOptions options = patient.request().dataset().withPacking(null);
    positions(patient, options, findings);
    try {
      Dataset dataset = Dataset.load(file, tokenizer, template(patient, options), options);
      summary(dataset.summary(), options.seqLength(), positions(patient), findings);
      findings.addAll(DataRows.of(dataset, patient).findings());
    } catch (UserException e) {
      findings.add(refused(patient, tokenizer, file, options, e.getMessage() + ""));
    }
    return findings;
  }

  private static int positions(Patient patient) {
    ModelConfig config = patient.config().value();
    return config == null ? Integer.MAX_VALUE : config.maxLength();
  }

  private void positions(Patient patient, DatasetOptions options, List<Finding> findings) {
    ModelConfig config = patient.config().value();
    if (config != null && options.seqLength() > config.maxLength()) {
      findings.add(
          Finding.error(
              id(),
              "--seq-length %d is longer than the %d positions of the model"
                  .formatted(options.seqLength(), config.maxLength()),
              "give --seq-length %d or less".formatted(config.maxLength())));
    }
  }

  /// Why nothing can be trained on: the same data is read again without the limit, and then with
  /// the loss on everything.
  private Finding refused(
      Patient patient,
      Tokenizer tokenizer,
      DataFiles file,
      DatasetOptions options,
      String message) {
    DatasetOptions uncut = uncut(options);
    Attempt<Dataset> whole =
        Attempt.of(() -> Dataset.load(file, tokenizer, template(patient, options), uncut));
    Dataset dataset = whole.value();
    if (dataset != null) {
      return Finding.error(
          TRUNCATED, message, longer(dataset.summary(), options.seqLength(), positions(patient)));
    }
    Attempt<Dataset> everything =
        Attempt.of(() ->
            Dataset.load(
                file, tokenizer, template(patient, options), uncut.withCompletionOnly(false)));
    return everything.failed()
        ? Finding.error(id(), message, "correct the file where the message says")
        : Finding.error(
            ALL_MASKED,
            message,
            "give each row words of the assistant, or a completion, or take the loss on everything");
  }

  private static DatasetOptions uncut(DatasetOptions options) {
    return new DatasetOptions(
        UNCUT,
        options.loss(),
        options.records(),
        options.truncation(),
        options.deduplicate(),
        options.maxSamples(),
        null,
        options.template());
  }

  /// The template that training will use.
  private static @Nullable ChatTemplate template(Patient patient, DatasetOptions options) {
    return options.template().equals(TemplateChoice.ofTheModel())
        ? patient.templateOrNull()
        : options.template().load(patient.path());
  }

  private void summary(
      DatasetSummary summary, int seqLength, int positions, List<Finding> findings) {
    DatasetFindings found = summary.findings();
    truncated(summary, found, seqLength, positions, findings);
    if (found.empty() > 0) {
      findings.add(
          Finding.warning(
              ALL_MASKED,
              "%s have nothing to learn and are left out; the first is %s"
                  .formatted(of(found.empty(), found), found.firstEmpty()),
              "give them an answer, or remove them"));
    } else {
      findings.add(Finding.ok(ALL_MASKED, "every row has something to learn"));
    }
    if (found.duplicates() > 0) {
      findings.add(
          Finding.note(
              id(),
              "%s repeat an earlier one; the first is %s"
                  .formatted(of(found.duplicates(), found), found.firstDuplicate()),
              "--deduplicate leaves them out"));
    }
    findings.add(Finding.ok(id(), summary.toString()));
  }

  private void truncated(
      DatasetSummary summary,
      DatasetFindings found,
      int seqLength,
      int positions,
      List<Finding> findings) {
    int lost = found.answersLost() + found.answersUnseen();
    String longest = "longest row: %s tokens".formatted(Shown.count(summary.lengths().max()));
    String fix = longer(summary, seqLength, positions);
    if (lost > 0) {
      findings.add(
          Finding.error(
              TRUNCATED,
              "%s lose their whole answer to --seq-length %d; the first is %s; %s"
                  .formatted(of(lost, found), seqLength, found.firstLost(), longest),
              fix));
    }
    if (found.answersCut() > 0) {
      findings.add(
          Finding.warning(
              TRUNCATED,
              "%s lose the end of their answer, and its end token, to --seq-length %d; %s"
                  .formatted(of(found.answersCut(), found), seqLength, longest),
              fix + ", or --on-long drop"));
    }
    if (found.tooLong() > 0) {
      findings.add(
          Finding.warning(
              TRUNCATED,
              "%s are left out as longer than --seq-length %d; %s"
                  .formatted(of(found.tooLong(), found), seqLength, longest),
              fix));
    }
    if (lost + found.answersCut() + found.tooLong() == 0) {
      findings.add(
          Finding.ok(
              TRUNCATED, "no answer is cut at --seq-length %d; %s".formatted(seqLength, longest)));
    }
  }

  /// What holds the rows, as far as the model's positions go.
  private static String longer(DatasetSummary summary, int seqLength, int positions) {
    int most = summary.lengths().max();
    if (Math.min(most, positions) <= seqLength) {
      return "shorten the rows, or --truncation-side left; the model has %d positions"
          .formatted(positions);
    }
    int nine = Math.max(summary.lengths().p90(), seqLength + 1);
    return most <= positions
        ? "give --seq-length %d to keep nine rows of ten whole (%d for all), or --truncation-side left"
            .formatted(nine, most)
        : "give --seq-length %d, the model having %d positions, or --truncation-side left"
            .formatted(Math.min(nine, positions), positions);
  }

  private static String of(int count, DatasetFindings found) {
    return "%s of %s rows".formatted(Shown.count(count), Shown.count(found.rows()));
  }
}
