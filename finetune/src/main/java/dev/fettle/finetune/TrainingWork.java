package dev.fettle.finetune;

import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraConfig;
import dev.fettle.plan.Work;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// A training run as [dev.fettle.plan] knows it.
public final class TrainingWork {
  /// QLoRA's base: NF4 in blocks of 64 with double quantization; Dettmers et al. 2023,
  /// arXiv:2305.14314, section 3.
  static final Scheme QLORA_BASE = new Scheme.Nf4(64, true);

  private TrainingWork() {}

  /// What the base of a QLoRA run is quantized to.
  static Scheme base(FinetuneRequest request) {
    Scheme asked = request.baseScheme();
    return asked == null ? QLORA_BASE : asked;
  }

  /// @param lora the adapter, for methods that train one
  /// @param baseScheme what the base of `--method lora` is quantized to, or null
  /// @param rounding what quantization-aware training aims at, or null
  /// @param compute float32 or bfloat16; null takes the model's own
  /// @param textBytes size of the training file, or 0
  public static Work.Training of(
      TrainingMethod method,
      LoraConfig lora,
      @Nullable Scheme baseScheme,
      @Nullable Scheme rounding,
      @Nullable DType compute,
      TrainingOptions options,
      int seqLength,
      long textBytes) {
    return new Work.Training(
        compute,
        method == TrainingMethod.QLORA && baseScheme == null ? QLORA_BASE : baseScheme,
        method.usesAdapter() ? lora : null,
        rounding,
        switch (options.optim()) {
          case ADAMW_TORCH -> Work.Moments.FLOAT32;
          case ADAMW_8BIT -> Work.Moments.EIGHT_BIT;
        },
        options.batchSize(),
        seqLength,
        options.gradientCheckpointing(),
        options.gradientAccumulationSteps(),
        options.maxSteps(),
        textBytes);
  }

  /// The run that a request asks for.
  ///
  /// @param textBytes size of the training file, or 0
  /// @throws dev.fettle.tensor.UserException if it starts from an adapter that cannot be read
  public static Work.Training of(FinetuneRequest request, long textBytes) {
    Path start = request.initialAdapter();
    if (start == null || !request.method().usesAdapter()) {
      return of(request, request.lora(), textBytes);
    }
    try (AdapterFolder folder = AdapterFolder.open(start)) {
      return of(request, folder.config(), textBytes);
    }
  }

  /// @param lora the adapter that is trained, for methods that train one
  static Work.Training of(FinetuneRequest request, LoraConfig lora, long textBytes) {
    QatOptions qat = request.qat();
    return of(
        request.method(),
        lora,
        request.baseScheme(),
        qat == null ? null : qat.scheme(),
        request.computeDtype(),
        request.options(),
        request.dataset().seqLength(),
        textBytes);
  }
}
