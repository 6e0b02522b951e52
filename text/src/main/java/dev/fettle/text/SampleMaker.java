package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Tokenizes one sample and marks what is to be learned.
///
/// @param completionOnly whether prompts, and in chats all turns but the assistant's, have no loss
record SampleMaker(Tokenizer tokenizer, boolean completionOnly) {

  /// Ended by the end token, if the tokenizer names one: the next line is another text.
  Sample text(String text) {
    int[] ids = tokenizer.encode(text, true);
    @Nullable Integer eos = tokenizer.eosId();
    return Sample.unmasked(eos == null ? ids : ended(ids, eos));
  }

  /// `prompt + completion` is tokenized as one text, so that it decodes to exactly that, and the
  /// end token is appended. The prompt ends where that sequence parts from the prompt tokenized
  /// alone: a token that joins the end of the prompt with the start of the completion (` 4` for a
  /// prompt that ends in a space) belongs to the completion, so nothing of the completion escapes
  /// the loss.
  Sample completion(String prompt, String completion) {
    if (completion.isEmpty()) {
      throw new UserException("the completion is empty, so there is nothing to learn.");
    }
    @Nullable Integer eos = tokenizer.eosId();
    if (eos == null) {
      throw new UserException(
          "the tokenizer names no eos_token to end a completion with; add it to"
              + " tokenizer_config.json.");
    }
    int[] ids = ended(tokenizer.encode(prompt + completion, true), eos);
    if (!completionOnly) {
      return Sample.unmasked(ids);
    }
    int promptLength = commonPrefix(tokenizer.encode(prompt, true), ids);
    int[] labels = ids.clone();
    Arrays.fill(labels, 0, promptLength, Sample.IGNORE);
    return new Sample(ids, labels);
  }

  /// The template writes all special tokens, the first included, so none are added. With
  /// `completionOnly` the targets are the tokens that overlap what the assistant said.
  Sample chat(Conversation conversation, ChatTemplate template) {
    Rendering whole = template.rendering(conversation, false);
    String text = whole.text();
    if (!completionOnly) {
      return Sample.unmasked(tokenizer.encode(text, false));
    }
    TokenSpans tokens = tokenizer.encodeWithSpans(text, false);
    boolean[] assistant = AssistantSpans.mask(tokens, conversation, template, whole);
    int[] labels = new int[tokens.ids().length];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = assistant[i] ? tokens.ids()[i] : Sample.IGNORE;
    }
    Sample sample = new Sample(tokens.ids(), labels);
    if (sample.targetTokens() == 0) {
      throw new UserException("the assistant says nothing, so there is nothing to learn.");
    }
    return sample;
  }

  private static int[] ended(int[] ids, int eos) {
    if (ids.length > 0 && ids[ids.length - 1] == eos) {
      return ids;
    }
    int[] ended = Arrays.copyOf(ids, ids.length + 1);
    ended[ids.length] = eos;
    return ended;
  }

  private static int commonPrefix(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }
}
