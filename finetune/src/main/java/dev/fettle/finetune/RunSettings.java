package dev.fettle.finetune;

import dev.fettle.checkpoint.Json;
import dev.fettle.lora.LoraConfig;
import dev.fettle.model.CausalLm;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The settings that determine a run's numbers: a checkpoint may only be resumed with the same
/// ones. Where and how often it saves or evaluates does not matter.
final class RunSettings {
  private RunSettings() {}

  /// @param lora the adapter's configuration, or null for full fine-tuning
  static ObjectNode of(FinetuneRequest request, CausalLm model, @Nullable LoraConfig lora) {
    TrainingOptions options = request.options();
    ObjectNode json = Json.object();
    json.put("method", request.method().text());
    json.put("model", absolute(request.model()));
    data(json, request);
    json.put("validation_split", request.validationSplit());
    json.put("base_scheme", request.baseScheme() == null ? null : request.baseScheme().toString());
    json.put("compute_dtype", model.computeDtype().torchName());
    QatOptions qat = request.qat();
    if (qat != null) {
      json.put("qat_scheme", qat.scheme().toString());
      json.put("qat_activations", qat.activations() == null ? null : qat.activations().toString());
      json.put("qat_learned_ranges", qat.learnedRanges());
      json.put("qat_start_step", qat.startStep());
      json.put("qat_freeze_step", qat.freezeStep());
      json.put("qat_skip_modules", qat.skipModules().toString());
    }
    if (lora != null) {
      json.put("initial_adapter", absolute(request.initialAdapter()));
      json.put("lora_r", lora.r());
      json.put("lora_alpha", lora.loraAlpha());
      json.put("lora_dropout", lora.loraDropout());
      json.put("target_modules", lora.targetModules().text());
      json.put("use_rslora", lora.useRslora());
      json.put("rank_pattern", lora.rankPattern().toString());
      json.put("alpha_pattern", lora.alphaPattern().toString());
      json.put("use_dora", lora.useDora());
      json.put("bias", lora.bias().text());
      json.put("lora_bias", lora.loraBias());
      json.put("modules_to_save", lora.modulesToSave().toString());
      json.put("trainable_token_indices", lora.trainableTokenIndices().toString());
      json.put("ensure_weight_tying", lora.ensureWeightTying());
      json.put("init_lora_weights", lora.initLoraWeights().text());
    }
    json.put("total_steps_rule", stepsRule(options));
    json.put("batch_size", options.batchSize());
    json.put("gradient_accumulation_steps", options.gradientAccumulationSteps());
    json.put("learning_rate", options.learningRate());
    json.put("lr_scheduler", options.lrScheduler().text());
    json.put("warmup_steps", options.warmupSteps());
    json.put("optim", options.optim().text());
    json.put("adam_beta1", options.adamBeta1());
    json.put("adam_beta2", options.adamBeta2());
    json.put("adam_epsilon", options.adamEpsilon());
    json.put("weight_decay", options.weightDecay());
    json.put("max_grad_norm", options.maxGradNorm());
    json.put("seed", options.seed());
    json.put("shuffle", options.shuffle());
    return json;
  }

  private static void data(ObjectNode json, FinetuneRequest request) {
    DatasetOptions options = request.dataset();
    DataFiles validation = request.validationData();
    json.put("data", request.data().absolute());
    json.put("data_sha256", request.data().sha256());
    json.put("seq_length", options.seqLength());
    json.put("loss_on", options.loss().toString());
    json.put("records", options.records().toString());
    json.put("chat_template", options.template().toString());
    json.put("truncation", options.truncation().toString());
    json.put("deduplicate", options.deduplicate());
    json.put("max_samples", options.maxSamples());
    json.put("packing", options.packing() == null ? null : options.packing().toString());
    json.put("validation_data", validation == null ? null : validation.absolute());
  }

  private static @Nullable String absolute(@Nullable Path path) {
    return path == null ? null : path.toAbsolutePath().normalize().toString();
  }

  /// With a constant rate a run may be resumed to go on for longer; other schedules depend on the
  /// total.
  private static String stepsRule(TrainingOptions options) {
    return switch (options.lrScheduler()) {
      case CONSTANT -> "any";
      case LINEAR, COSINE -> options.maxSteps() + " steps, " + options.numTrainEpochs() + " epochs";
    };
  }
}
