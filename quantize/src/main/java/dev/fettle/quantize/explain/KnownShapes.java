package dev.fettle.quantize.explain;

import dev.fettle.quantize.explain.DecoderShape.Family;
import java.util.List;
import java.util.Optional;

/// The sizes of well-known models, as their published configurations state them.
public final class KnownShapes {
  private static final List<DecoderShape> SHAPES =
      List.of(
          DecoderShape.of("llama2_7b", Family.PLAIN, 32_000, 4096, 11_008, 32, 32, 32, 128, false),
          DecoderShape.of("llama2_13b", Family.PLAIN, 32_000, 5120, 13_824, 40, 40, 40, 128, false),
          DecoderShape.of("llama2_70b", Family.PLAIN, 32_000, 8192, 28_672, 80, 64, 8, 128, false),
          DecoderShape.of(
              "llama3_1_8b", Family.PLAIN, 128_256, 4096, 14_336, 32, 32, 8, 128, false),
          DecoderShape.of(
              "llama3_1_70b", Family.PLAIN, 128_256, 8192, 28_672, 80, 64, 8, 128, false),
          DecoderShape.of("llama3_2_1b", Family.PLAIN, 128_256, 2048, 8192, 16, 32, 8, 64, true),
          DecoderShape.of("llama3_2_3b", Family.PLAIN, 128_256, 3072, 8192, 28, 24, 8, 128, true),
          DecoderShape.of("tinyllama_1_1b", Family.PLAIN, 32_000, 2048, 5632, 22, 32, 4, 64, false),
          DecoderShape.of("smollm2_135m", Family.PLAIN, 49_152, 576, 1536, 30, 9, 3, 64, true),
          DecoderShape.of("smollm2_360m", Family.PLAIN, 49_152, 960, 2560, 32, 15, 5, 64, true),
          DecoderShape.of("mistral_7b", Family.PLAIN, 32_000, 4096, 14_336, 32, 32, 8, 128, false),
          DecoderShape.of(
              "mistral_7b_v03", Family.PLAIN, 32_768, 4096, 14_336, 32, 32, 8, 128, false),
          DecoderShape.of("phi3_5_mini", Family.FUSED, 32_064, 3072, 8192, 32, 32, 32, 96, false),
          DecoderShape.of("qwen2_5_0_5b", Family.QWEN2, 151_936, 896, 4864, 24, 14, 2, 64, true),
          DecoderShape.of("qwen2_5_1_5b", Family.QWEN2, 151_936, 1536, 8960, 28, 12, 2, 128, true),
          DecoderShape.of("qwen2_5_3b", Family.QWEN2, 151_936, 2048, 11_008, 36, 16, 2, 128, true),
          DecoderShape.of("qwen2_5_7b", Family.QWEN2, 152_064, 3584, 18_944, 28, 28, 4, 128, false),
          DecoderShape.of("qwen3_0_6b", Family.QWEN3, 151_936, 1024, 3072, 28, 16, 8, 128, true),
          DecoderShape.of("qwen3_1_7b", Family.QWEN3, 151_936, 2048, 6144, 28, 16, 8, 128, true),
          DecoderShape.of("gemma_2b", Family.PLAIN, 256_000, 2048, 16_384, 18, 8, 1, 256, true),
          DecoderShape.of("gemma2_2b", Family.GEMMA2, 256_000, 2304, 9216, 26, 8, 4, 256, true),
          DecoderShape.of("gemma2_9b", Family.GEMMA2, 256_000, 3584, 14_336, 42, 16, 8, 256, true),
          DecoderShape.of("gemma3_1b", Family.GEMMA3, 262_144, 1152, 6912, 26, 4, 1, 256, true));

  private KnownShapes() {}

  /// In families, small to large within the newer ones.
  public static List<DecoderShape> all() {
    return SHAPES;
  }

  public static List<String> names() {
    return SHAPES.stream().map(DecoderShape::name).toList();
  }

  /// The shape of this name.
  public static Optional<DecoderShape> find(String name) {
    return SHAPES.stream().filter(shape -> shape.name().equals(name)).findFirst();
  }
}
