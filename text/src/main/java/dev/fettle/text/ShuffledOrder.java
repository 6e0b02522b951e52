package dev.fettle.text;

/// A new shuffle in every epoch, computed rather than stored: place n depends on the size, the seed
/// and n alone, so a resumed run needs no state and no replay.
///
/// Each epoch is a format-preserving permutation: a Feistel network over the smallest even number
/// of bits that holds the size, walked until the result falls inside it (Black and Rogaway,
/// "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, sections 5 and 4). Its round function is
/// the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014, figure 16).
public record ShuffledOrder(int size, long seed) implements SampleOrder {
  private static final int ROUNDS = 8;
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  public ShuffledOrder {
    if (size < 1) {
      throw new IllegalArgumentException("no samples to order");
    }
  }

  @Override
  public int at(long position) {
    long key = mix(seed + GOLDEN_GAMMA * (1 + position / size));
    long place = position % size;
    do {
      place = feistel(place, key);
    } while (place >= size);
    return (int) place;
  }

  /// A permutation of the numbers of `2 * halfBits` bits.
  private long feistel(long value, long key) {
    int halfBits = (Integer.SIZE - Integer.numberOfLeadingZeros(size - 1) + 1) / 2;
    long mask = (1L << halfBits) - 1;
    long left = value >>> halfBits;
    long right = value & mask;
    for (int round = 1; round <= ROUNDS; round++) {
      long next = left ^ (mix(key + GOLDEN_GAMMA * round + right) & mask);
      left = right;
      right = next;
    }
    return left << halfBits | right;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
