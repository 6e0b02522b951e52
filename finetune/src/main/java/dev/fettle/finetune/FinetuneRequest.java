package dev.fettle.finetune;

import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Everything one fine-tuning run is made of.
///
/// @param model folder of the base model
/// @param data the training files, see {@link dev.fettle.text.Dataset#load}
/// @param validationData files to evaluate on, or null
/// @param validationSplit fraction of the training samples to hold out if there is no such file; 0
///   is none
/// @param dataset how the file becomes samples
/// @param method what is trained
/// @param lora the adapter, for LoRA and QLoRA
/// @param initialAdapter folder of an adapter to start from instead of a fresh one, or null; its
///   own configuration then replaces `lora`
/// @param baseScheme what the base of a LoRA adapter is quantized to while loading, such as {@link
///   Scheme.LlmInt8}; null leaves it as it is stored, or takes QLoRA's usual NF4
/// @param qat what quantization-aware training aims at; null for other methods
/// @param computeDtype float32 or bfloat16; null takes that of the checkpoint
/// @param options of the training loop
/// @param output folder of the adapter, or of the model for full fine-tuning
/// @param resume go on from the newest checkpoint in `output`
public record FinetuneRequest(
    Path model,
    DataFiles data,
    @Nullable DataFiles validationData,
    double validationSplit,
    DatasetOptions dataset,
    TrainingMethod method,
    LoraConfig lora,
    @Nullable Path initialAdapter,
    @Nullable Scheme baseScheme,
    @Nullable QatOptions qat,
    @Nullable DType computeDtype,
    TrainingOptions options,
    Path output,
    boolean resume) {

  /// @throws UserException if a setting belongs to another method
  public FinetuneRequest {
    if (method.quantizationAware() != (qat != null)) {
      throw new UserException(
          qat == null
              ? "--method %s needs --scheme, the format to train for.".formatted(method.text())
              : "Quantization-aware training is --method qat or qat-lora, not %s."
                  .formatted(method.text()));
    }
    if (method == TrainingMethod.QAT_LORA && lora.loraDropout() > 0) {
      throw new UserException(
          "--method qat-lora rounds the base together with the adapter, so --lora-dropout must be 0.");
    }
    boolean fourBitQlora = method == TrainingMethod.QLORA && baseScheme instanceof Scheme.Codebook;
    if (baseScheme != null && method != TrainingMethod.LORA && !fourBitQlora) {
      throw new UserException(
          "A base in %s belongs to --method lora, not to %s; leave one of them out."
              .formatted(baseScheme, method.text()));
    }
  }

  /// Starts from the defaults: LoRA of rank 8 on every linear layer, alpha 16, samples of 512
  /// tokens.
  public static Builder builder(Path model, Path data, Path output) {
    return new Builder(model, DataFiles.of(data), output);
  }

  /// Sets what differs from the defaults.
  public static final class Builder {
    private final Path model;
    private final DataFiles data;
    private final Path output;
    private @Nullable DataFiles validationData;
    private double validationSplit;
    private DatasetOptions dataset = DatasetOptions.of(512);
    private TrainingMethod method = TrainingMethod.LORA;
    private LoraConfig lora = LoraConfig.of(8, 16, new TargetModules.AllLinear());
    private @Nullable Path initialAdapter;
    private @Nullable Scheme baseScheme;
    private @Nullable QatOptions qat;
    private @Nullable DType computeDtype;
    private TrainingOptions options = TrainingOptions.builder().build();
    private boolean resume;

    private Builder(Path model, DataFiles data, Path output) {
      this.model = model;
      this.data = data;
      this.output = output;
    }

    public Builder validationData(@Nullable Path value) {
      validationData = value == null ? null : DataFiles.of(value);
      return this;
    }

    public Builder validationSplit(double value) {
      validationSplit = value;
      return this;
    }

    public Builder dataset(DatasetOptions value) {
      dataset = value;
      return this;
    }

    public Builder method(TrainingMethod value) {
      method = value;
      return this;
    }

    public Builder lora(LoraConfig value) {
      lora = value;
      return this;
    }

    public Builder initialAdapter(@Nullable Path value) {
      initialAdapter = value;
      return this;
    }

    public Builder qat(@Nullable QatOptions value) {
      qat = value;
      return this;
    }

    public Builder baseScheme(@Nullable Scheme value) {
      baseScheme = value;
      return this;
    }

    public Builder computeDtype(@Nullable DType value) {
      computeDtype = value;
      return this;
    }

    public Builder options(TrainingOptions value) {
      options = value;
      return this;
    }

    public Builder resume(boolean value) {
      resume = value;
      return this;
    }

    public FinetuneRequest build() {
      return new FinetuneRequest(
          model,
          data,
          validationData,
          validationSplit,
          dataset,
          method,
          lora,
          initialAdapter,
          baseScheme,
          qat,
          computeDtype,
          options,
          output,
          resume);
    }
  }
}
