package dev.fettle.text;

import java.util.ArrayList;
import java.util.List;

/// What happened to the rows of a dataset on their way to samples.
///
/// @param rows read
/// @param truncated samples cut to the sequence length
/// @param answersCut of these, how many lost a part of what is to be learned
/// @param textsCut of `truncated`, how many are texts
/// @param textTokensCut tokens that these lost
/// @param answersLost rows left out because the cut took all there was to learn
/// @param answersUnseen samples whose answer was cut off entirely while their prompt is learned
/// @param tooLong rows left out because they were longer than the sequence length, with
///   [Truncation.OnLong#DROP]
/// @param empty rows left out because there was nothing to learn in them before any cut
/// @param duplicates rows that repeat an earlier one
/// @param duplicatesLeftOut whether these were left out
/// @param firstLost the place of the first of `answersLost`, or empty
/// @param firstEmpty the place of the first of `empty`, or empty
/// @param firstDuplicate the place of the first of `duplicates`, or empty
public record DatasetFindings(
    int rows,
    int truncated,
    int answersCut,
    int textsCut,
    long textTokensCut,
    int answersLost,
    int answersUnseen,
    int tooLong,
    int empty,
    int duplicates,
    boolean duplicatesLeftOut,
    String firstLost,
    String firstEmpty,
    String firstDuplicate) {
  /// Of samples made elsewhere.
  static final DatasetFindings NONE =
      new DatasetFindings(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, "", "", "");

  /// Rows that are no samples.
  public int leftOut() {
    return answersLost + tooLong + empty + (duplicatesLeftOut ? duplicates : 0);
  }

  /// `, 12 truncated, 3 left out`, or nothing.
  String brief() {
    return (truncated == 0 ? "" : ", " + DatasetSummary.count(truncated) + " truncated")
        + (leftOut() == 0 ? "" : ", " + DatasetSummary.count(leftOut()) + " left out");
  }

  /// One sentence for each thing the user should know before training.
  ///
  /// @param seqLength the sequence length that samples were cut to
  public List<String> warnings(int seqLength) {
    List<String> warnings = new ArrayList<>();
    if (answersLost > 0) {
      warnings.add(
          "%s rows are left out, because --seq-length %d cuts off all there is to learn in them (first: %s); raise it, or cut the other end with --truncation-side."
              .formatted(of(answersLost), seqLength, firstLost));
    }
    if (answersUnseen > 0) {
      warnings.add(
          "%s samples lose their whole answer to --seq-length %d and teach their prompt alone (first: %s); raise it, or cut the other end with --truncation-side."
              .formatted(of(answersUnseen), seqLength, firstLost));
    }
    if (answersCut > 0) {
      warnings.add(
          "%s samples lose a part of what is to be learned to --seq-length %d; raise it, or leave them out with --on-long drop."
              .formatted(of(answersCut), seqLength));
    }
    if (textsCut > 0) {
      warnings.add(
          "%s texts lose %s tokens to --seq-length %d; raise it, or keep them all with --packing --packing-strategy wrapped."
              .formatted(of(textsCut), DatasetSummary.count(textTokensCut), seqLength));
    }
    if (tooLong > 0) {
      warnings.add(
          "%s rows are left out, because they are longer than --seq-length %d."
              .formatted(of(tooLong), seqLength));
    }
    if (empty > 0) {
      warnings.add(
          "%s rows are left out, because there is nothing to learn in them (first: %s)."
              .formatted(of(empty), firstEmpty));
    }
    if (duplicates > 0) {
      warnings.add(
          "%s rows repeat an earlier one (first: %s)%s."
              .formatted(
                  of(duplicates),
                  firstDuplicate,
                  duplicatesLeftOut ? " and are left out" : "; --deduplicate leaves them out"));
    }
    return warnings;
  }

  private String of(int count) {
    return DatasetSummary.count(count) + " of " + DatasetSummary.count(rows);
  }

  /// Counts as rows are read.
  static final class Builder {
    private int rows;
    private int truncated;
    private int answersCut;
    private int textsCut;
    private long textTokensCut;
    private int answersLost;
    private int answersUnseen;
    private int tooLong;
    private int empty;
    private int duplicates;
    private boolean duplicatesLeftOut;
    private String firstLost = "";
    private String firstEmpty = "";
    private String firstDuplicate = "";

    int rows() {
      return rows;
    }

    void row() {
      rows++;
    }

    void truncated(boolean partly, boolean unseen, String place) {
      truncated++;
      answersCut += partly && !unseen ? 1 : 0;
      if (unseen) {
        answersUnseen++;
        firstLost = first(firstLost, place);
      }
    }

    void textCut(int tokens) {
      textsCut++;
      textTokensCut += tokens;
    }

    void answerLost(String place) {
      answersLost++;
      firstLost = first(firstLost, place);
    }

    void tooLong() {
      tooLong++;
    }

    void empty(String place) {
      empty++;
      firstEmpty = first(firstEmpty, place);
    }

    void duplicate(String place, boolean leftOut) {
      duplicates++;
      duplicatesLeftOut = leftOut;
      firstDuplicate = first(firstDuplicate, place);
    }

    private static String first(String known, String place) {
      return known.isEmpty() ? place : known;
    }

    DatasetFindings build() {
      return new DatasetFindings(
          rows,
          truncated,
          answersCut,
          textsCut,
          textTokensCut,
          answersLost,
          answersUnseen,
          tooLong,
          empty,
          duplicates,
          duplicatesLeftOut,
          firstLost,
          firstEmpty,
          firstDuplicate);
    }
  }
}
