package dev.fettle.checkpoint.sentencepiece;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A SentencePiece model as the `tokenizer.json` of the Hugging Face tokenizers library.
///
/// The ids are those of the sentencepiece library. Control pieces and user-defined symbols become
/// added tokens, as transformers makes them (`SentencePieceExtractor`), so a control piece that
/// stands in the text is found, which sentencepiece itself never does.
public final class SentencePieceTokenizer {
  private static final String MARK = "\u2581";

  /// Longer pieces are not made by merging; the longest of published vocabularies have a quarter of
  /// it. Keeps the work on a crafted file in proportion to its size.
  private static final int LONGEST = 512;

  private final SentencePieceModel model;
  private final Map<String, Integer> ids = new LinkedHashMap<>();

  private SentencePieceTokenizer(SentencePieceModel model) {
    this.model = model;
    for (int id = 0; id < model.pieces().size(); id++) {
      String text = model.pieces().get(id).text();
      @Nullable Integer other = ids.putIfAbsent(text, id);
      if (other != null) {
        throw new UserException(
            "Pieces %d and %d of %s both read '%s'; a vocabulary has each text once."
                .formatted(other, id, model.source(), text));
      }
    }
  }

  /// @param file `tokenizer.model`
  /// @throws UserException if it is no SentencePiece model, or one of a kind that the tokenizers
  ///   library has no counterpart of
  public static ObjectNode toTokenizerJson(Path file) {
    return new SentencePieceTokenizer(SentencePieceModel.read(file)).json();
  }

  /// The names of its special tokens: `bos_token`, `eos_token`, `unk_token`, where it has them.
  ///
  /// @throws UserException as [#toTokenizerJson]
  public static ObjectNode toTokenizerConfig(Path file) {
    SentencePieceModel model = SentencePieceModel.read(file);
    ObjectNode config = Json.object();
    put(config, "bos_token", model.bosPiece());
    put(config, "eos_token", model.eosPiece());
    put(config, "unk_token", model.pieces().get(model.unknownId()).text());
    return config;
  }

  private static void put(ObjectNode config, String key, @Nullable String text) {
    if (text != null) {
      config.put(key, text);
    }
  }

  private ObjectNode json() {
    ObjectNode json = Json.object().put("version", "1.0");
    json.putNull("truncation").putNull("padding");
    addedTokens(json.putArray("added_tokens"));
    normalizer(json.putObject("normalizer"));
    json.putNull("pre_tokenizer").putNull("post_processor");
    decoder(json.putObject("decoder"));
    if (model.isUnigram()) {
      unigram(json.putObject("model"));
    } else {
      merges(json.putObject("model"));
    }
    return json;
  }

  private void addedTokens(ArrayNode added) {
    for (int id = 0; id < model.pieces().size(); id++) {
      Piece piece = model.pieces().get(id);
      boolean control = piece.type() == Piece.Type.CONTROL;
      if (!piece.text().isEmpty() && (control || piece.type() == Piece.Type.USER_DEFINED)) {
        added
            .addObject()
            .put("id", id)
            .put("content", piece.text())
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", control);
      }
    }
  }

  /// Characters, then spaces, then the mark for them, in sentencepiece's order
  /// (`src/normalizer.cc`).
  private void normalizer(ObjectNode normalizer) {
    ArrayNode steps = normalizer.put("type", "Sequence").putArray("normalizers");
    if (model.charsMap().length > 0) {
      steps
          .addObject()
          .put("type", "Precompiled")
          .put("precompiled_charsmap", Base64.getEncoder().encodeToString(model.charsMap()));
    }
    if (model.removeExtraSpaces()) {
      replace(steps.addObject(), "Regex", "\\A +| +\\z", "");
      replace(steps.addObject(), "Regex", " {2,}", " ");
    }
    if (model.spacePrefix()) {
      steps.addObject().put("type", "Prepend").put("prepend", MARK);
    }
    replace(steps.addObject(), "String", " ", MARK);
  }

  private static void replace(ObjectNode step, String kind, String pattern, String content) {
    step.put("type", "Replace").put("content", content).putObject("pattern").put(kind, pattern);
  }

  private void decoder(ObjectNode decoder) {
    ArrayNode steps = decoder.put("type", "Sequence").putArray("decoders");
    replace(steps.addObject(), "String", MARK, " ");
    if (model.byteFallback()) {
      steps.addObject().put("type", "ByteFallback");
    }
    steps.addObject().put("type", "Fuse");
    if (model.spacePrefix()) {
      steps.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
  }

  private void unigram(ObjectNode unigram) {
    unigram.put("type", "Unigram").put("unk_id", model.unknownId());
    unigram.put("byte_fallback", model.byteFallback());
    ArrayNode vocabulary = unigram.putArray("vocab");
    for (Piece piece : model.pieces()) {
      vocabulary.addArray().add(piece.text()).add((double) piece.score());
    }
  }

  private void merges(ObjectNode bpe) {
    bpe.put("type", "BPE")
        .putNull("dropout")
        .put("unk_token", model.pieces().get(model.unknownId()).text())
        .putNull("continuing_subword_prefix")
        .putNull("end_of_word_suffix")
        .put("fuse_unk", true)
        .put("byte_fallback", model.byteFallback())
        .put("ignore_merges", false);
    ids.forEach(bpe.putObject("vocab")::put);
    List<Integer> order = new ArrayList<>(ids.values());
    order.sort(Comparator.comparing(id -> -model.pieces().get(id).score()));
    ArrayNode merges = bpe.putArray("merges");
    for (int id : order) {
      Piece piece = model.pieces().get(id);
      if (piece.type() == Piece.Type.NORMAL || piece.type() == Piece.Type.USER_DEFINED) {
        splits(piece.text(), merges);
      }
    }
  }

  /// All ways to make a piece of two others; the one with the shorter left part first, since
  /// sentencepiece joins the leftmost of equals.
  private void splits(String text, ArrayNode merges) {
    if (text.isEmpty() || text.length() > LONGEST) {
      return;
    }
    for (int at = text.offsetByCodePoints(0, 1);
        at < text.length();
        at = text.offsetByCodePoints(at, 1)) {
      String left = text.substring(0, at);
      String right = text.substring(at);
      if (ids.containsKey(left) && ids.containsKey(right)) {
        merges.addArray().add(left).add(right);
      }
    }
  }
}
