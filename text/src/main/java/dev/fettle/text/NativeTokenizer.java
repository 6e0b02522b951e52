package dev.fettle.text;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The Hugging Face tokenizers library behind our interface.
///
/// The native object is only read after it was made, so calls run in parallel; closing waits for
/// them.
final class NativeTokenizer implements Tokenizer {
  private final TokenizersLibrary library;
  private final TokenizerFiles files;
  private final String source;
  private final SpecialTokens specialTokens;
  private final int vocabSize;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private long handle;

  private NativeTokenizer(
      TokenizersLibrary library, long handle, TokenizerFiles files, String source) {
    this.source = source;
    this.library = library;
    this.handle = handle;
    this.files = files;
    this.specialTokens = files.specialTokens();
    this.vocabSize = files.vocabSize();
  }

  static Tokenizer load(Path path) {
    return GgufFile.isGguf(path) ? loadGguf(path) : loadFolder(path);
  }

  private static Tokenizer loadFolder(Path folder) {
    TokenizerSource from = TokenizerSource.of(folder);
    return create(
        from.text(),
        TokenizerFiles.parse(from.json(), from.source(), from.special()),
        from.source());
  }

  private static Tokenizer loadGguf(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      ObjectNode tokenizer = GgufVocabulary.tokenizerJson(file.metadata());
      ObjectNode config = GgufVocabulary.tokenizerConfigJson(file.metadata());
      String source = "The tokenizer in " + path;
      return create(
          Json.compact(tokenizer),
          TokenizerFiles.parse(tokenizer, source, SpecialTokenMap.ofConfig(config)),
          source);
    }
  }

  private static Tokenizer create(String json, TokenizerFiles files, String source) {
    TokenizersLibrary library = NativeLibrary.get();
    try {
      long handle = library.createTokenizerFromString(json);
      library.disableTruncation(handle); // as transformers does unless asked
      library.disablePadding(handle);
      return new NativeTokenizer(library, handle, files, source);
    } catch (RuntimeException e) { // the library's own type says no more than its message
      throw new UserException(
          source + " is none that the tokenizers library can read: " + e.getMessage(), e);
    }
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    return encoding(text, addSpecialTokens, encoding -> toInts(library.getTokenIds(encoding)));
  }

  @Override
  public TokenSpans encodeWithSpans(String text, boolean addSpecialTokens) {
    return encoding(
        text,
        addSpecialTokens,
        encoding -> {
          int[] ids = toInts(library.getTokenIds(encoding));
          return spans(text, ids, library.getTokenCharSpans(encoding));
        });
  }

  private <T> T encoding(String text, boolean addSpecialTokens, LongFunction<T> read) {
    lock.readLock().lock();
    try {
      long encoding = encode(wellFormed(text), open(), addSpecialTokens);
      try {
        return read.apply(encoding);
      } finally {
        library.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  private long encode(String text, long tokenizer, boolean addSpecialTokens) {
    try {
      return library.encode(tokenizer, text, addSpecialTokens);
    } catch (RuntimeException e) { // the library's own type says no more than its message
      throw new UserException(
          "The tokenizer " + source + " cannot read this text: " + e.getMessage() + ".", e);
    }
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    String text = raw(ids, skipSpecialTokens);
    return files.cleanUp() ? CleanUp.spaces(text) : text;
  }

  private String raw(int[] ids, boolean skipSpecialTokens) {
    for (int id : ids) {
      if (id < 0) { // the library counts in unsigned 32 bits
        throw new IllegalArgumentException("negative token id " + id);
      }
    }
    lock.readLock().lock();
    try {
      return library.decode(open(), Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public int vocabSize() {
    return vocabSize;
  }

  @Override
  public @Nullable Integer idOf(String token) {
    return files.vocabulary().get(token);
  }

  @Override
  public SpecialTokens specialTokens() {
    return specialTokens;
  }

  @Override
  public StreamingDecoder streamingDecoder(int[] context) {
    return new StreamingDecoder(ids -> raw(ids, true), files.printing(), files.bytes(), context);
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        library.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private long open() {
    if (handle == 0) {
      throw new IllegalStateException("the tokenizer is closed");
    }
    return handle;
  }

  /// The native side aborts the process on a surrogate without its partner.
  private static String wellFormed(String text) {
    StringBuilder repaired = null;
    for (int i = 0; i < text.length(); i++) {
      if (Character.isHighSurrogate(text.charAt(i))
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(text.charAt(i))) {
        repaired = repaired == null ? new StringBuilder(text) : repaired;
        repaired.setCharAt(i, '\uFFFD');
      }
    }
    return repaired == null ? text : repaired.toString();
  }

  /// The library counts code points; Java indexes UTF-16 units.
  private static TokenSpans spans(String text, int[] ids, @Nullable CharSpan[] spans) {
    int[] offsets = new int[text.codePointCount(0, text.length()) + 1];
    for (int i = 1; i < offsets.length; i++) {
      offsets[i] = text.offsetByCodePoints(offsets[i - 1], 1);
    }
    int last = offsets.length - 1; // some normalizers count beyond the text
    int[] starts = new int[ids.length];
    int[] ends = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      CharSpan span = spans[i];
      starts[i] = span == null ? 0 : offsets[Math.min(span.getStart(), last)];
      ends[i] = span == null ? 0 : offsets[Math.min(span.getEnd(), last)];
    }
    return new TokenSpans(ids, starts, ends);
  }

  private static int[] toInts(long[] values) {
    return Arrays.stream(values).mapToInt(Math::toIntExact).toArray();
  }
}
