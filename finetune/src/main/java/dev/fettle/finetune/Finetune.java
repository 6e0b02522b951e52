package dev.fettle.finetune;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.hub.CachedModel;
import dev.fettle.engine.ProcessMemory;
import dev.fettle.finetune.TrainingListener.RunSummary;
import dev.fettle.finetune.TrainingListener.ValidationLoss;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.lora.LoraConfig;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Linear;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import dev.fettle.plan.MachineMemory;
import dev.fettle.plan.MemoryPlan;
import dev.fettle.plan.ModelSpec;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Batches;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Dataset;
import dev.fettle.text.PackingStrategy;
import dev.fettle.text.Split;
import dev.fettle.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One fine-tuning run from files to files: load, split, train, save.
public final class Finetune {
  private final FinetuneRequest request;
  private final TrainingListener listener;

  private Finetune(FinetuneRequest request, TrainingListener listener) {
    this.request = request;
    this.listener = listener;
  }

  /// @throws UserException if an input is missing or malformed, a setting is out of range, the
  ///   output is in use, or the training diverges
  public static RunRecord run(FinetuneRequest request, TrainingListener listener) {
    return new Finetune(request, listener).run();
  }

  private RunRecord run() {
    OutputFolder.prepare(request.output(), request.resume());
    Trainer.TrainingData data = loadData();
    try (CausalLm model = CausalLm.load(request.model(), loadOptions())) {
      checkLength(model);
      if (!request.method().usesAdapter()) {
        return train(model, null, data);
      }
      try (LoraAdapter adapter = attach(model)) {
        return train(model, adapter, data);
      }
    }
  }

  private LoadOptions loadOptions() {
    LoadOptions options = LoadOptions.defaults().withComputeDtype(request.computeDtype());
    return switch (request.method()) {
      case FULL, QAT -> options.withTrainable(true);
      case QAT_LORA -> options;
      case LORA -> options.withQuantizeOnLoad(request.baseScheme());
      case QLORA -> options.withQuantizeOnLoad(TrainingWork.base(request));
    };
  }

  private void checkLength(CausalLm model) {
    int length = request.dataset().seqLength();
    if (length > model.maxLength()) {
      throw new UserException(
          "--seq-length %d is longer than the %d positions of %s; shorten it."
              .formatted(length, model.maxLength(), request.model()));
    }
  }

  private LoraAdapter attach(CausalLm model) {
    Path start = request.initialAdapter();
    if (start == null) {
      LoraConfig config = request.lora().withBaseModel(CachedModel.nameOf(request.model()));
      checkTrainable(config, model);
      return LoraAdapter.attach(model, config, request.options().seed());
    }
    try (AdapterFolder folder = AdapterFolder.open(start)) {
      checkTrainable(folder.config(), model);
      return LoraAdapter.attach(model, folder);
    }
  }

  private void checkTrainable(LoraConfig config, CausalLm model) {
    List<String> more = config.beyondPlainLora();
    if (request.method() == TrainingMethod.QAT_LORA && !more.isEmpty()) {
      throw new UserException(
          "--method qat-lora rounds W + s · B · A and knows no %s; leave it out, or use --method lora."
              .formatted(String.join(", ", more)));
    }
    List<String> targets = AdapterPlan.of(config, Architecture.of(model.config())).targets();
    if (config.ensureWeightTying()
        && model.config().tieWordEmbeddings()
        && targets.containsAll(List.of(AdapterPlan.EMBEDDING, AdapterPlan.HEAD))) {
      throw new UserException(
          "ensure_weight_tying with an adapter on the embedding is not trained, because PEFT trains it as two parameters in one memory; leave it out, or put embed_tokens into --modules-to-save.");
    }
  }

  private Trainer.TrainingData loadData() {
    try (Tokenizer tokenizer = Tokenizer.load(request.model())) {
      @Nullable ChatTemplate template = request.dataset().template().load(request.model());
      Dataset all = Dataset.load(request.data(), tokenizer, template, request.dataset());
      Dataset train = all;
      Dataset validation = null;
      if (request.validationData() != null) {
        validation = Dataset.load(request.validationData(), tokenizer, template, request.dataset());
      } else if (request.validationSplit() > 0) {
        Split split =
            Split.trainValidation(all, request.validationSplit(), request.options().seed());
        train = split.train();
        validation = split.validation();
      }
      PackingStrategy packing = request.dataset().packing();
      if (packing != null) {
        train = train.packed(packing, request.dataset().seqLength(), request.options().seed());
      }
      if (packing == PackingStrategy.WRAPPED && validation != null) {
        validation = validation.packed(packing, request.dataset().seqLength(), 0);
      }
      return new Trainer.TrainingData(train, validation, Batches.padId(tokenizer));
    }
  }

  private RunRecord train(
      CausalLm model, @Nullable LoraAdapter adapter, Trainer.TrainingData data) {
    QatOptions qat = request.qat();
    if (qat == null) {
      return train(model, adapter, data, null);
    }
    qat.checkSteps(request.options().totalSteps(data.train().size()));
    try (Checkpoint source = Checkpoint.open(request.model());
        QuantizationAware rounding = new QuantizationAware(model, source, qat)) {
      return train(model, adapter, data, rounding);
    }
  }

  private RunRecord train(
      CausalLm model,
      @Nullable LoraAdapter adapter,
      Trainer.TrainingData data,
      @Nullable QuantizationAware rounding) {
    List<Parameter> trained =
        new ArrayList<>(adapter == null ? model.baseParameters() : adapter.parameters());
    if (rounding != null) {
      trained.addAll(rounding.learnedRanges());
    }
    Phases phases = rounding == null ? Phases.none() : rounding;
    History history = new History();
    try (FlatParameters parameters = new FlatParameters(trained, model.computeDtype());
        Optimizer optimizer = Optimizer.create(parameters, request.options())) {
      OutputFolder output = new OutputFolder(request, model, adapter, rounding);
      TrainingState state =
          new TrainingState(
              request.output(), parameters, optimizer, phases, output.settings(), history);
      if (request.resume() && state.restore() == null) {
        throw new UserException(
            "Nothing to resume: %s holds no checkpoint; remove it if it exists, and run without --resume."
                .formatted(request.output()));
      }
      boolean recompute = chooseRecompute(adapter);
      announce(model, parameters, data, recompute, optimizer.steps());
      Trainer trainer =
          new Trainer(
              model,
              parameters,
              optimizer,
              request.options(),
              data,
              recompute,
              history,
              new Checkpoints(state, output, history),
              phases,
              listener);
      boolean interrupted = trainer.run();
      RunRecord record =
          record(
              history,
              trainer,
              parameters.values().elements(),
              optimizer.stateBytes(),
              interrupted);
      if (!interrupted) {
        output.writeFinal(record);
      }
      return record;
    }
  }

  /// A block that runs a second time would observe its inputs' ranges twice.
  private boolean chooseRecompute(@Nullable LoraAdapter adapter) {
    QatOptions qat = request.qat();
    ActivationQuantization activations = qat == null ? null : qat.activations();
    if (activations == null || activations.dynamic()) {
      LoraConfig lora = adapter == null ? request.lora() : adapter.config();
      return MemoryPlan.of(
              ModelSpec.of(request.model()),
              TrainingWork.of(request, lora, 0),
              MachineMemory.now().available())
          .recompute();
    }
    if (Boolean.TRUE.equals(request.options().gradientCheckpointing())) {
      throw new UserException(
          "--gradient-checkpointing does not go with activations in %s, whose ranges are observed while training; use int8:sym:token."
              .formatted(activations));
    }
    return false;
  }

  private void announce(
      CausalLm model,
      FlatParameters parameters,
      Trainer.TrainingData data,
      boolean recompute,
      int firstStep) {
    Dataset validation = data.validation();
    listener.started(
        new RunSummary(
            data.train().summary(),
            data.train().summary().findings().warnings(request.dataset().seqLength()),
            data.train().size(),
            validation == null ? 0 : validation.size(),
            request.options().totalSteps(data.train().size()),
            parameters.values().elements(),
            model.linears().values().stream()
                .map(Linear::weight)
                .mapToLong(weight -> weight.residentBytes())
                .sum(),
            recompute,
            firstStep));
  }

  /// Where a run saves its state.
  private final class Checkpoints implements Trainer.Checkpointing {
    private final TrainingState state;
    private final OutputFolder output;
    private final History history;

    Checkpoints(TrainingState state, OutputFolder output, History history) {
      this.state = state;
      this.output = output;
      this.history = history;
    }

    @Override
    public void saveCheckpoint() {
      Path folder = state.save(output::writeAdapterInto);
      listener.saved(history.losses().size(), folder);
    }

    @Override
    public void saveBest() {
      output.writeBest();
    }
  }

  private RunRecord record(
      History history,
      Trainer trainer,
      long trainedParameters,
      long optimizerStateBytes,
      boolean interrupted) {
    ValidationLoss best = history.best();
    return new RunRecord(
        history.losses(),
        history.gradNorms(),
        history.validation(),
        best == null ? null : Integer.valueOf(best.step()),
        trainer.tokens(),
        trainer.seconds(),
        ProcessMemory.peakResident(),
        trainedParameters,
        optimizerStateBytes,
        request.output(),
        interrupted);
  }
}
