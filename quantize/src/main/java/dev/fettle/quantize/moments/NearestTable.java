package dev.fettle.quantize.moments;

import dev.fettle.quantize.DynamicMap;
import java.util.Arrays;

/// The nearest index of a dynamic map in two look-ups instead of a search.
///
/// Numbers with the same sign, exponent and first seven bits of the mantissa share a cell. A cell
/// is at most 2⁻⁸ wide near 1, less than any two decisions of the maps are apart, so that within it
/// the index changes at most once: the table holds the index at the cell's start and where it
/// changes. It is made with {@link DynamicMap#nearest}, which is the definition.
public final class NearestTable {
  /// Where cells begin: everything below 2⁻²⁴ is nearest to 0 in both maps.
  private static final int LOWEST = 0x3380;

  private static final int HIGHEST = 0x3F80; // 1
  private static final int CELLS = HIGHEST - LOWEST + 1;

  private final byte[] start = new byte[2 * CELLS];
  private final int[] change = new int[2 * CELLS];

  public NearestTable(float[] map) {
    for (int cell = 0; cell < 2 * CELLS; cell++) {
      int sign = cell < CELLS ? 0 : Integer.MIN_VALUE;
      int low = (cell % CELLS + LOWEST) << 16;
      int high = Math.min(low + 0xFFFF, HIGHEST << 16);
      int first = nearest(map, low | sign);
      start[cell] = (byte) first;
      int changes = Math.abs(nearest(map, high | sign) - first);
      if (changes > 1) {
        throw new IllegalArgumentException(
            "two decisions of the map between "
                + Float.intBitsToFloat(low | sign)
                + " and "
                + Float.intBitsToFloat(high | sign)
                + " in "
                + Arrays.toString(map));
      }
      change[cell] = changes == 0 ? Integer.MAX_VALUE : firstChange(map, low, high, sign, first);
    }
  }

  /// By bisection: the smallest magnitude, as bits, whose index is not `before`.
  private static int firstChange(float[] map, int low, int high, int sign, int before) {
    int same = low;
    int different = high;
    while (different - same > 1) {
      int middle = (same + different) >>> 1;
      if (nearest(map, middle | sign) == before) {
        same = middle;
      } else {
        different = middle;
      }
    }
    return different;
  }

  private static int nearest(float[] map, int bits) {
    return DynamicMap.nearest(map, Float.intBitsToFloat(bits));
  }

  /// @param bits of a float32 number from −1 to 1
  public byte nearest(int bits) {
    int magnitude = bits & 0x7FFFFFFF;
    int negative = bits >>> 31;
    int cell = Math.max(magnitude >>> 16, LOWEST) - LOWEST + negative * CELLS;
    int passed = (change[cell] - 1 - magnitude) >>> 31;
    return (byte) (start[cell] + passed * (1 - 2 * negative));
  }
}
