package dev.fettle.plan;

/// How fast a machine is at what the time of training and generation is made of.
///
/// @param products16 multiplications and additions per second in bfloat16 matrix products
/// @param products32 in float32
/// @param memory bytes per second that one token's products read weights at
/// @param unpacked weights per second that are dequantized
/// @param packed weights per second that are quantized
/// @param source how the numbers were found
public record MachineRates(
    double products16,
    double products32,
    double memory,
    double unpacked,
    double packed,
    String source) {
  /// Measured per core on an AMD EPYC of the Zen 5 kind (AVX-512 with bfloat16), two cores.
  private static final double PRODUCTS_16 = 450e9;

  private static final double PRODUCTS_32 = 120e9;
  private static final double UNPACKED = 1.5e9;
  private static final double PACKED = 0.4e9;
  private static final double MEMORY = 20e9;

  /// What one core of the machine the documentation was measured on does, times the processors.
  public static MachineRates documented(int processors) {
    return new MachineRates(
        PRODUCTS_16 * processors,
        PRODUCTS_32 * processors,
        MEMORY,
        UNPACKED * processors,
        PACKED * processors,
        "documented rates of another machine, times %d processors".formatted(processors));
  }
}
