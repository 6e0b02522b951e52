package dev.fettle.plan;

import java.util.ArrayList;
import java.util.List;

/// What the process takes before the first weight, measured with a model of 260 thousand parameters
/// under the options of the launcher (serial collector, heap from 32 MiB on demand).
final class Baseline {
  private static final long MB = 1_000_000;

  /// Classes, compiled code, the young generation, the tokenizer with its vocabulary, stacks.
  static final long JVM = 150 * MB;

  /// Pages of LibTorch, OpenBLAS and the tokenizer library that get touched, and their own data.
  static final long NATIVE = 145 * MB;

  /// A run that reads and writes files only: no LibTorch, no tokenizer.
  private static final long JVM_ALONE = 103 * MB;

  /// A text in memory: its characters, token ids and the objects around them, per byte of the file.
  private static final double HEAP_PER_TEXT_BYTE = 6;

  /// What the tokenizer library and the heap keep touched after a text was cut into tokens, per
  /// byte of the file: measured on a megabyte of plain text. Rows are cut one by one, hence a
  /// bound.
  private static final long TOKENS_PER_TEXT_BYTE = 64;

  private static final long MOST_FOR_TOKENS = 128 * MB;

  /// What the launcher allows the heap.
  private static final long MAX_HEAP = 2L << 30;

  private Baseline() {}

  /// @param textBytes size of the text that is read, or 0
  static List<Part> withEngine(long textBytes) {
    return List.of(
        new Part("Java", JVM, "heap, classes, compiled code, tokenizer"),
        new Part("native libraries", NATIVE, "LibTorch and its own data, as far as touched"),
        new Part(
            "text",
            (long) Math.min(MAX_HEAP, textBytes * HEAP_PER_TEXT_BYTE),
            "text and token ids on the heap"));
  }

  /// As [#withEngine], for a run that cuts a whole data set into tokens first.
  static List<Part> withData(long textBytes) {
    List<Part> parts = new ArrayList<>(withEngine(textBytes));
    parts.add(
        new Part(
            "tokenization",
            Math.min(MOST_FOR_TOKENS, textBytes * TOKENS_PER_TEXT_BYTE),
            "what cutting the data leaves touched"));
    return parts;
  }

  static List<Part> filesOnly() {
    return List.of(new Part("Java", JVM_ALONE, "heap, classes, compiled code"));
  }
}
