package dev.fettle.checkpoint.gguf.vocabulary;

import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// A vocabulary in neither notation, between the files of a folder and GGUF's keys.
///
/// @param tokens by id, without gaps
/// @param special ids of the named tokens
/// @param addBos whether a text begins with the BOS token
/// @param addEos whether a text ends with the EOS token
/// @param templates chat templates by name; the one to use is named `default`
record Vocabulary(
    Algorithm algorithm,
    List<Token> tokens,
    Map<SpecialToken, Integer> special,
    boolean addBos,
    boolean addEos,
    SequencedMap<String, String> templates) {
  static final String DEFAULT_TEMPLATE = "default";
}
