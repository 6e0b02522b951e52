package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.i32;
import static dev.fettle.quantize.ggml.Bytes.i8;
import static dev.fettle.quantize.ggml.Bytes.put8;
import static dev.fettle.quantize.ggml.Bytes.putF16;
import static dev.fettle.quantize.ggml.Bytes.putI32;
import static dev.fettle.quantize.ggml.Bytes.u8;

import java.lang.foreign.MemorySegment;

/// The formats with blocks of 32, one block `x` at a time. The scale d is rounded to float16 when
/// it is stored; codes are chosen with the float32 one. Source: ggml, `quantize_row_q…_ref`.
final class ScalarBlocks32 {
  private static final int N = 32;
  private static final int HALF = 16;

  private ScalarBlocks32() {}

  static void toQ8_0(float[] x, MemorySegment y) {
    float amax = 0;
    for (float v : x) {
      amax = Math.max(amax, Math.abs(v));
    }
    float d = amax / 127;
    float id = reciprocal(d);
    putF16(y, 0, d);
    for (int i = 0; i < N; i++) {
      put8(y, 2 + i, roundHalfAway(x[i] * id));
    }
  }

  static int roundHalfAway(float x) {
    float magnitude = Math.abs(x);
    int whole = (int) magnitude;
    int rounded = magnitude - whole >= 0.5f ? whole + 1 : whole;
    return x < 0 ? -rounded : rounded;
  }

  static void fromQ8_0(MemorySegment y, float[] x) {
    float d = f16(y, 0);
    for (int i = 0; i < N; i++) {
      x[i] = i8(y, 2 + i) * d;
    }
  }

  static void toQ4_0(float[] x, MemorySegment y) {
    float d = largest(x) / -8;
    float id = reciprocal(d);
    putF16(y, 0, d);
    for (int j = 0; j < HALF; j++) {
      put8(y, 2 + j, symmetric(x[j], id, 15) | (symmetric(x[j + HALF], id, 15) << 4));
    }
  }

  static void toQ5_0(float[] x, MemorySegment y) {
    float d = largest(x) / -16;
    float id = reciprocal(d);
    putF16(y, 0, d);
    int fifth = 0;
    for (int j = 0; j < HALF; j++) {
      int low = symmetric(x[j], id, 31);
      int high = symmetric(x[j + HALF], id, 31);
      put8(y, 6 + j, (low & 15) | (high << 4));
      fifth |= ((low >> 4) << j) | ((high >> 4) << (j + HALF));
    }
    putI32(y, 2, fifth);
  }

  /// The number of largest magnitude with its sign, the first of several.
  static float largest(float[] x) {
    float largest = 0;
    for (float v : x) {
      if (Math.abs(v) > Math.abs(largest)) {
        largest = v;
      }
    }
    return largest;
  }

  /// The code with an offset of half the range, at most `top`.
  private static int symmetric(float x, float id, int top) {
    return Math.min(top, (int) (x * id + ((top + 1) / 2 + 0.5f)));
  }

  static void toQ4_1(float[] x, MemorySegment y) {
    float min = least(x);
    float d = (greatest(x) - min) / 15;
    float id = reciprocal(d);
    putF16(y, 0, d);
    putF16(y, 2, min);
    for (int j = 0; j < HALF; j++) {
      put8(y, 4 + j, affine(x[j], min, id, 15) | (affine(x[j + HALF], min, id, 15) << 4));
    }
  }

  static void toQ5_1(float[] x, MemorySegment y) {
    float min = least(x);
    float d = (greatest(x) - min) / 31;
    float id = reciprocal(d);
    putF16(y, 0, d);
    putF16(y, 2, min);
    int fifth = 0;
    for (int j = 0; j < HALF; j++) {
      int low = affine(x[j], min, id, 31);
      int high = affine(x[j + HALF], min, id, 31);
      put8(y, 8 + j, (low & 15) | (high << 4));
      fifth |= ((low >> 4) << j) | ((high >> 4) << (j + HALF));
    }
    putI32(y, 4, fifth);
  }

  /// The first of several: -0.0 and 0.0 are the same here, but not when stored.
  private static float least(float[] x) {
    float least = x[0];
    for (float v : x) {
      if (v < least) {
        least = v;
      }
    }
    return least;
  }

  private static float greatest(float[] x) {
    float greatest = x[0];
    for (float v : x) {
      greatest = Math.max(greatest, v);
    }
    return greatest;
  }

  private static int affine(float x, float min, float id, int top) {
    return Math.min(top, (int) ((x - min) * id + 0.5f));
  }

  static float reciprocal(float d) {
    return d == 0 ? 0 : 1 / d;
  }

  static void fromQ4_0(MemorySegment y, float[] x) {
    float d = f16(y, 0);
    for (int j = 0; j < HALF; j++) {
      int pair = u8(y, 2 + j);
      x[j] = ((pair & 15) - 8) * d;
      x[j + HALF] = ((pair >> 4) - 8) * d;
    }
  }

  static void fromQ4_1(MemorySegment y, float[] x) {
    float d = f16(y, 0);
    float m = f16(y, 2);
    for (int j = 0; j < HALF; j++) {
      int pair = u8(y, 4 + j);
      x[j] = (pair & 15) * d + m;
      x[j + HALF] = (pair >> 4) * d + m;
    }
  }

  static void fromQ5_0(MemorySegment y, float[] x) {
    float d = f16(y, 0);
    int fifth = i32(y, 2);
    for (int j = 0; j < HALF; j++) {
      int pair = u8(y, 6 + j);
      x[j] = (((pair & 15) | (bit(fifth, j) << 4)) - 16) * d;
      x[j + HALF] = (((pair >> 4) | (bit(fifth, j + HALF) << 4)) - 16) * d;
    }
  }

  static void fromQ5_1(MemorySegment y, float[] x) {
    float d = f16(y, 0);
    float m = f16(y, 2);
    int fifth = i32(y, 4);
    for (int j = 0; j < HALF; j++) {
      int pair = u8(y, 8 + j);
      x[j] = ((pair & 15) | (bit(fifth, j) << 4)) * d + m;
      x[j + HALF] = ((pair >> 4) | (bit(fifth, j + HALF) << 4)) * d + m;
    }
  }

  private static int bit(int bits, int index) {
    return (bits >>> index) & 1;
  }
}
