package dev.fettle.finetune;

import dev.fettle.lora.LoraConfig;
import dev.fettle.tensor.DType;
import dev.fettle.text.DatasetOptions;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Everything one fine-tuning run is made of.
///
/// @param model folder of the base model
/// @param data the training file, see {@link dev.fettle.text.Dataset#load}
/// @param validationData a file to evaluate on, or null
/// @param validationSplit fraction of the training samples to hold out if there is no such file; 0
///   is none
/// @param dataset how the file becomes samples
/// @param method what is trained
/// @param lora the adapter, for LoRA and QLoRA
/// @param initialAdapter folder of an adapter to start from instead of a fresh one, or null; its
///   own configuration then replaces `lora`
/// @param computeDtype float32 or bfloat16; null takes that of the checkpoint
/// @param options of the training loop
/// @param output folder of the adapter, or of the model for full fine-tuning
/// @param resume go on from the newest checkpoint in `output`
public record FinetuneRequest(
    Path model,
    Path data,
    @Nullable Path validationData,
    double validationSplit,
    DatasetOptions dataset,
    TrainingMethod method,
    LoraConfig lora,
    @Nullable Path initialAdapter,
    @Nullable DType computeDtype,
    TrainingOptions options,
    Path output,
    boolean resume) {}
