package dev.fettle.checkpoint.sentencepiece;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What is in a SentencePiece model. Source of the field numbers and defaults:
/// `sentencepiece_model.proto`.
final class SentencePieceModel {
  private static final int UNIGRAM = 1;
  private static final int BPE = 2;

  private final String source;
  private final List<Piece> pieces = new ArrayList<>();
  private int modelType = UNIGRAM;
  private boolean byteFallback;
  private boolean spaceAsSuffix;
  private int unknownId;
  private final int[] namedIds = {0, 1, 2};
  private final String[] namedPieces = {"<unk>", "<s>", "</s>"};
  private byte[] charsMap = {};
  private boolean spacePrefix = true;
  private boolean removeExtraSpaces = true;
  private boolean escapeSpaces = true;

  private SentencePieceModel(String source) {
    this.source = source;
  }

  /// @throws UserException if the file cannot be read, is no SentencePiece model, or of a kind that
  ///   has no counterpart in the tokenizers library
  static SentencePieceModel read(Path file) {
    try {
      return parse(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  static SentencePieceModel parse(byte[] data, String source) {
    SentencePieceModel model = new SentencePieceModel(source);
    for (WireReader fields = new WireReader(data, source); fields.next(); ) {
      switch (fields.field()) {
        case 1 -> model.pieces.add(piece(fields.message(), source));
        case 2 -> model.trainer(fields.message());
        case 3 -> model.normalizer(fields.message());
        default -> {} // self test data, and what else a program may have left
      }
    }
    model.check();
    return model;
  }

  private static Piece piece(WireReader fields, String source) {
    String text = "";
    float score = 0;
    int type = 1;
    while (fields.next()) {
      switch (fields.field()) {
        case 1 -> text = fields.text();
        case 2 -> score = fields.real();
        case 3 -> type = fields.integer();
        default -> {} // extensions
      }
    }
    if (type < 1 || type > Piece.Type.values().length || Float.isNaN(score)) {
      throw new UserException(
          "Piece '%s' in %s has the type %d and the score %s; expected a type from 1 to 6 and a number."
              .formatted(text, source, type, score));
    }
    return new Piece(text, score, Piece.Type.values()[type - 1]);
  }

  private void trainer(WireReader fields) {
    while (fields.next()) {
      switch (fields.field()) {
        case 3 -> modelType = fields.integer();
        case 24 -> spaceAsSuffix = fields.flag();
        case 35 -> byteFallback = fields.flag();
        case 40, 41, 42 -> namedIds[fields.field() - 40] = fields.integer();
        case 45, 46, 47 -> namedPieces[fields.field() - 45] = fields.text();
        default -> {} // how the model was trained
      }
    }
  }

  private void normalizer(WireReader fields) {
    while (fields.next()) {
      switch (fields.field()) {
        case 2 -> charsMap = fields.bytes();
        case 3 -> spacePrefix = fields.flag();
        case 4 -> removeExtraSpaces = fields.flag();
        case 5 -> escapeSpaces = fields.flag();
        default -> {} // its name, and the rules that the map was made from
      }
    }
  }

  private void check() {
    if (pieces.isEmpty()) {
      throw new UserException(source + " is no SentencePiece model: it has no pieces.");
    }
    if (modelType != UNIGRAM && modelType != BPE) {
      throw unsupported("splits text into words or characters");
    }
    if (spaceAsSuffix) {
      throw unsupported("marks spaces behind words");
    }
    if (!escapeSpaces) {
      throw unsupported("does not mark spaces");
    }
    if (charsMap.length > 0) {
      CharsMap.check(charsMap, source);
    }
    unknownId = namedIds[0];
    for (int id = 0; id < pieces.size(); id++) {
      if (pieces.get(id).type() == Piece.Type.UNKNOWN) {
        unknownId = id; // what the library itself looks at
      }
    }
    if (unknownId < 0 || unknownId >= pieces.size()) {
      throw new UserException(
          "The unknown piece of %s has the id %d, but there are %d pieces."
              .formatted(source, unknownId, pieces.size()));
    }
  }

  private UserException unsupported(String what) {
    return new UserException(
        source
            + " is a SentencePiece model that "
            + what
            + ", which is not supported; convert it to tokenizer.json with"
            + " AutoTokenizer.from_pretrained(...).save_pretrained(...) in Python.");
  }

  /// The file, for messages.
  String source() {
    return source;
  }

  /// By id.
  List<Piece> pieces() {
    return pieces;
  }

  boolean isUnigram() {
    return modelType == UNIGRAM;
  }

  boolean byteFallback() {
    return byteFallback;
  }

  int unknownId() {
    return unknownId;
  }

  /// The name of the token that begins a text, or null.
  @Nullable String bosPiece() {
    return named(1);
  }

  @Nullable String eosPiece() {
    return named(2);
  }

  private @Nullable String named(int which) {
    return namedIds[which] >= 0 && namedIds[which] < pieces.size() ? namedPieces[which] : null;
  }

  /// A compiled map of character sequences to replacements; empty if characters stay as they are.
  byte[] charsMap() {
    return charsMap;
  }

  /// Whether a space is put in front of the text.
  boolean spacePrefix() {
    return spacePrefix;
  }

  /// Whether spaces at both ends go, and several become one.
  boolean removeExtraSpaces() {
    return removeExtraSpaces;
  }
}
