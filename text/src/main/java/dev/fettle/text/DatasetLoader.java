package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.records.DataFiles;
import dev.fettle.text.records.RecordReader;
import dev.fettle.text.records.TrainingRecord;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// From files to samples: reads a record, tokenizes it, cuts it to the sequence length, keeps it.
final class DatasetLoader {
  private final DataFiles given;
  private final List<Path> files;
  private final Tokenizer tokenizer;
  private final DatasetOptions options;
  private final SampleMaker maker;
  private final TokenStore store;
  private final Longs places = new Longs();
  private final List<String> units = new ArrayList<>();
  private final DatasetSummary.Builder summary = new DatasetSummary.Builder();
  private final DatasetFindings.Builder findings = new DatasetFindings.Builder();
  private final Fingerprints seen = new Fingerprints();

  DatasetLoader(
      DataFiles given,
      Tokenizer tokenizer,
      @Nullable ChatTemplate template,
      DatasetOptions options) {
    this(given, tokenizer, template, options, TokenStore.IN_MEMORY);
  }

  /// @param inMemory bytes of tokens that are kept in memory
  DatasetLoader(
      DataFiles given,
      Tokenizer tokenizer,
      @Nullable ChatTemplate template,
      DatasetOptions options,
      int inMemory) {
    this.given = given;
    this.files = given.files();
    this.tokenizer = tokenizer;
    this.options = options;
    this.maker = new SampleMaker(tokenizer, template, options.loss());
    this.store = new TokenStore(inMemory);
  }

  Dataset load() {
    RecordReader reader = new RecordReader(options.records());
    for (Path file : files) {
      @Nullable String unit = reader.unit(file);
      units.add(unit == null ? "block" : unit);
      if (full()) {
        continue;
      }
      if (unit == null) {
        plainText(file);
      } else {
        int before = findings.rows();
        reader.read(file, (record, number) -> row(record, place(number)));
        if (findings.rows() == before) {
          throw new UserException(file + " has no samples; expected one record per " + unit + ".");
        }
      }
    }
    DatasetSummary done = summary.build(findings.build());
    if (store.size() == 0) {
      throw new UserException(nothing(done));
    }
    return new StoredDataset(store, places, files, units, done);
  }

  private boolean full() {
    return options.maxSamples() > 0 && store.size() >= options.maxSamples();
  }

  private Place place(long number) {
    int file = units.size() - 1;
    return new Place(
        StoredDataset.place(file, number), files.get(file) + " " + units.get(file) + " " + number);
  }

  /// Where a row is, as [StoredDataset] keeps it and as people read it.
  record Place(long packed, String text) {}

  private void plainText(Path file) {
    TextReader.read(
        file,
        tokenizer,
        options.seqLength(),
        (block, number) -> {
          findings.row();
          keep(block, block.length(), place(number));
          return !full();
        });
  }

  private boolean row(TrainingRecord record, Place place) {
    findings.row();
    if (!seen.add(record)) {
      findings.duplicate(place.text(), options.deduplicate());
      if (options.deduplicate()) {
        return true;
      }
    }
    SampleMaker.Made made = maker.make(record);
    if (made.sample().targetTokens() == 0) {
      findings.empty(place.text());
      return true;
    }
    cut(made, record instanceof TrainingRecord.Text, place);
    return !full();
  }

  private void cut(SampleMaker.Made made, boolean text, Place place) {
    Sample whole = made.sample();
    int length = options.seqLength();
    boolean joined = options.packing() == PackingStrategy.WRAPPED;
    if (joined || whole.length() <= length) {
      keep(whole, whole.length(), place);
      return;
    }
    switch (options.truncation().onLong()) {
      case ERROR ->
          throw new UserException(
              "%d tokens are more than --seq-length %d; raise it, or use --on-long truncate or drop."
                  .formatted(whole.length(), length));
      case DROP -> {
        findings.tooLong();
        summary.leaveOut(whole.length());
      }
      case TRUNCATE -> {
        Sample sample = options.truncation().cut(whole, length);
        if (sample.targetTokens() == 0) {
          findings.answerLost(place.text());
          summary.leaveOut(whole.length());
          return;
        }
        boolean partly = sample.targetTokens() < learnable(whole);
        boolean unseen =
            options.truncation().side() == Truncation.Side.RIGHT && made.answer() >= length;
        findings.truncated(partly && !text, unseen, place.text());
        if (text) {
          findings.textCut(whole.length() - sample.length());
        }
        keep(sample, whole.length(), place);
      }
    }
  }

  /// Targets of a sample that a cut could take: the first token of what a left cut keeps is no
  /// target, which is not counted as a loss.
  private int learnable(Sample whole) {
    int targets = whole.targetTokens();
    return options.truncation().side() == Truncation.Side.RIGHT ? targets : targets - 1;
  }

  private void keep(Sample sample, int fullLength, Place place) {
    store.add(sample);
    places.add(place.packed());
    summary.add(sample, fullLength);
  }

  private String nothing(DatasetSummary done) {
    DatasetFindings found = done.findings();
    if (found.answersLost() + found.tooLong() > 0) {
      return "No answer in %s lies within the sequence length of %d; the longest of its %d samples has %d tokens, so raise --seq-length."
          .formatted(given, options.seqLength(), found.rows(), done.lengths().max());
    }
    return "There is nothing to learn in %s: none of its %d rows has an answer (first: %s); check the columns, or take the loss on everything."
        .formatted(given, found.rows(), found.firstEmpty());
  }
}
