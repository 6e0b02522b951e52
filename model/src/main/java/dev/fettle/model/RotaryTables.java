package dev.fettle.model;

import dev.fettle.checkpoint.Rotary;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Cosines and sines of one kind of rotary embedding. A table grows with the longest position asked
/// for; a kind whose frequencies depend on the length of the text has one for the short and one for
/// the long texts.
final class RotaryTables implements AutoCloseable {
  private final Rotary rotary;
  private final RotaryFrequencies frequencies;
  private final Table usual;
  private @Nullable Table stretched;

  /// The length of the texts that `stretched` is for.
  private int stretchedLength;

  private @Nullable Packed packed;

  RotaryTables(Rotary rotary) {
    this.rotary = rotary;
    this.frequencies = new RotaryFrequencies(rotary);
    this.usual = new Table(0);
  }

  /// Angles of the rows of `x`, cycling: float32 `[rows, dims / 2]` each.
  record Angles(Tensor cos, Tensor sin) {}

  /// The angles of a pass, in the current scope or in a longer one.
  Angles of(Pass pass) {
    int[][] starts = pass.starts();
    if (starts == null) {
      int end = pass.start() + pass.length();
      return table(end).rows(pass.start(), end);
    }
    Packed last = packed;
    if (last == null || last.length != pass.length() || !Arrays.deepEquals(last.starts, starts)) {
      closePacked();
      last = pack(starts, pass.length());
      packed = last;
    }
    return last.angles;
  }

  /// Angles of sequences of several documents, kept because every layer asks for them.
  private record Packed(int[][] starts, int length, Angles angles) {}

  private Packed pack(int[][] starts, int length) {
    List<Tensor> cosines = new ArrayList<>();
    List<Tensor> sines = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      for (int[] row : starts) {
        for (int i = 0; i < row.length; i++) {
          int count = (i + 1 < row.length ? row[i + 1] : length) - row[i];
          Angles angles = table(count).rows(0, count);
          cosines.add(angles.cos());
          sines.add(angles.sin());
        }
      }
      int[][] copy = Arrays.stream(starts).map(int[]::clone).toArray(int[][]::new);
      return new Packed(
          copy,
          length,
          new Angles(Tensors.concat(0, cosines).release(), Tensors.concat(0, sines).release()));
    }
  }

  private void closePacked() {
    if (packed != null) {
      packed.angles.cos().close();
      packed.angles.sin().close();
      packed = null;
    }
  }

  /// The table for a text of `length` tokens.
  private Table table(int length) {
    int variant = frequencies.variant(length);
    if (variant == 0) {
      return usual;
    }
    Table own = stretched;
    if (own == null || stretchedLength != variant) {
      if (own != null) {
        own.close();
      }
      own = new Table(variant);
      stretched = own;
      stretchedLength = variant;
    }
    return own;
  }

  @Override
  public void close() {
    closePacked();
    usual.close();
    if (stretched != null) {
      stretched.close();
    }
  }

  private final class Table implements AutoCloseable {
    private final Scope scope = Scope.detached();
    private final float[] inverse;
    private int positions;
    private @Nullable Angles angles;

    Table(int variant) {
      this.inverse = frequencies.inverse(variant);
    }

    Angles rows(int from, int to) {
      Angles all = angles;
      if (all == null || to > positions) {
        all = grow(Math.max(to, 2 * positions));
      }
      return new Angles(all.cos().narrow(0, from, to - from), all.sin().narrow(0, from, to - from));
    }

    /// Angles are float32, as transformers computes them.
    private Angles grow(int count) {
      int half = inverse.length;
      double factor = RotaryFrequencies.factor(rotary);
      float[] cosines = new float[count * half];
      float[] sines = new float[count * half];
      for (int p = 0; p < count; p++) {
        for (int i = 0; i < half; i++) {
          float angle = p * inverse[i];
          cosines[p * half + i] = (float) (Math.cos(angle) * factor);
          sines[p * half + i] = (float) (Math.sin(angle) * factor);
        }
      }
      try (Scope.Entered entered = scope.enter()) {
        if (angles != null) {
          angles.cos().close();
          angles.sin().close();
        }
        Angles grown = new Angles(Tensors.of(cosines, count, half), Tensors.of(sines, count, half));
        angles = grown;
        positions = count;
        return grown;
      }
    }

    @Override
    public void close() {
      scope.close();
    }
  }
}
