package dev.fettle.text.jinja;

import dev.fettle.text.TextSpan;
import java.util.ArrayList;
import java.util.List;

/// What has been written, and which of it stood in `generation` blocks.
final class OutputBuffer {
  private final StringBuilder text = new StringBuilder();
  private final List<TextSpan> generated = new ArrayList<>();
  private final Budget budget;

  OutputBuffer(Budget budget) {
    this.budget = budget;
  }

  void write(String piece) {
    budget.limitText((long) text.length() + piece.length());
    text.append(piece);
  }

  int length() {
    return text.length();
  }

  /// Marks everything from `start` on.
  void generatedFrom(int start) {
    generated.add(new TextSpan(start, text.length()));
  }

  String text() {
    return text.toString();
  }

  List<TextSpan> generated() {
    return List.copyOf(generated);
  }
}
