package dev.fettle.text;

import java.util.List;

/// Removes the spaces that tokenizers of words leave before punctuation. Source: transformers,
/// `PreTrainedTokenizerBase.clean_up_tokenization`.
final class CleanUp {
  private static final List<String> ENDS =
      List.of(" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're");

  private CleanUp() {}

  static String spaces(String text) {
    String clean = text;
    for (String end : ENDS) {
      clean = clean.replace(end, end.strip());
    }
    return clean;
  }
}
