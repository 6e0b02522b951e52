package dev.fettle.finetune;

import dev.fettle.engine.ProcessMemory;
import dev.fettle.finetune.TrainingListener.StepReport;
import dev.fettle.finetune.TrainingListener.ValidationLoss;
import dev.fettle.model.CausalLm;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Batches;
import dev.fettle.text.Dataset;
import dev.fettle.text.SampleOrder;
import dev.fettle.text.SequentialOrder;
import dev.fettle.text.ShuffledOrder;
import dev.fettle.text.TokenBatch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The training loop. Everything random depends on the seed and the step's number alone, so a run
/// that goes on from a checkpoint takes the same steps, to the bit, as one that was never
/// interrupted.
final class Trainer {
  private final CausalLm model;
  private final FlatParameters parameters;
  private final Optimizer optimizer;
  private final TrainingOptions options;
  private final LearningRateSchedule schedule;
  private final Dataset train;
  private final @Nullable Dataset validation;
  private final Batches batches;
  private final boolean recompute;
  private final History history;
  private final TrainingListener listener;
  private final Checkpointing checkpointing;
  private final Phases phases;
  private final int firstStep;
  private long tokens;
  private double seconds;

  /// Saves a checkpoint, or the best state so far.
  interface Checkpointing {
    void saveCheckpoint();

    void saveBest();
  }

  Trainer(
      CausalLm model,
      FlatParameters parameters,
      Optimizer optimizer,
      TrainingOptions options,
      TrainingData data,
      boolean recompute,
      History history,
      Checkpointing checkpointing,
      Phases phases,
      TrainingListener listener) {
    this.model = model;
    this.parameters = parameters;
    this.optimizer = optimizer;
    this.options = options;
    this.train = data.train();
    this.validation = data.validation();
    this.recompute = recompute;
    this.history = history;
    this.checkpointing = checkpointing;
    this.phases = phases;
    this.listener = listener;
    SampleOrder order =
        options.shuffle()
            ? new ShuffledOrder(train.size(), options.seed())
            : new SequentialOrder(train.size());
    this.batches = new Batches(train, order, options.batchSize(), data.padId());
    this.firstStep = optimizer.steps();
    this.schedule =
        new LearningRateSchedule(
            options.lrScheduler(),
            options.learningRate(),
            options.warmupSteps(),
            options.totalSteps(train.size()));
  }

  /// @param train what to learn
  /// @param validation what to evaluate on, or null
  /// @param padId fills short rows
  record TrainingData(Dataset train, @Nullable Dataset validation, int padId) {}

  /// @return whether it stopped early on request
  boolean run() {
    int total = schedule.totalSteps();
    while (optimizer.steps() < total) {
      int step = optimizer.steps();
      long start = System.nanoTime();
      phases.beforeStep(step);
      StepResult result = takeStep(step);
      seconds += (System.nanoTime() - start) / 1e9;
      history.addStep(result.loss(), result.gradNorm());
      report(result, total);
      boolean last = optimizer.steps() == total;
      evaluateIfDue(last);
      boolean stop = !last && listener.stopRequested();
      if (stop || last || isDue(options.saveSteps())) {
        checkpointing.saveCheckpoint();
      }
      if (stop) {
        return true;
      }
    }
    return false;
  }

  private record StepResult(double loss, double gradNorm, double learningRate) {}

  private StepResult takeStep(int step) {
    List<TokenBatch> micro = new ArrayList<>();
    long first = (long) step * options.gradientAccumulationSteps();
    for (int i = 0; i < options.gradientAccumulationSteps(); i++) {
      micro.add(batches.at(first + i));
    }
    int targets = micro.stream().mapToInt(TokenBatch::targetTokens).sum();
    double loss = 0;
    for (int i = 0; i < micro.size(); i++) {
      TokenBatch batch = micro.get(i);
      tokens += batches.tokens(first + i);
      loss +=
          model.lossAndGradients(
              batch.ids(),
              batch.labels(),
              batch.starts(),
              new CausalLm.StepOptions(
                  1.0 / targets, recompute, options.seed() * 0x9E3779B97F4A7C15L + first + i));
    }
    double norm = parameters.gradNorm();
    requireFinite(loss, norm, step + 1);
    parameters.clipGrads(norm, options.maxGradNorm());
    double rate = schedule.at(step);
    optimizer.step(rate);
    return new StepResult(loss / targets, norm, rate);
  }

  private static void requireFinite(double loss, double norm, int step) {
    if (step == 1 && !Double.isFinite(loss)) { // nothing was changed yet
      throw new UserException(
          "The loss is %s before anything was trained: a weight of the model is NaN or too large; 'fettle doctor MODEL --deep' finds it."
              .formatted(loss));
    }
    if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
      throw new UserException(
          "Training diverged at step %d: the loss is %s and the gradient norm %s; lower --learning-rate, add --warmup-steps, or resume from the last checkpoint with --max-grad-norm."
              .formatted(step, loss, norm));
    }
  }

  private void report(StepResult result, int total) {
    double perStep = seconds / (history.losses().size() - firstStep);
    listener.step(
        new StepReport(
            optimizer.steps(),
            total,
            result.loss(),
            result.learningRate(),
            result.gradNorm(),
            tokens / seconds,
            ProcessMemory.resident(),
            perStep * (total - optimizer.steps())));
  }

  private boolean isDue(int every) {
    return every > 0 && optimizer.steps() % every == 0;
  }

  private void evaluateIfDue(boolean last) {
    if (validation == null || !(last || isDue(options.evalSteps()))) {
      return;
    }
    ValidationLoss loss = new ValidationLoss(optimizer.steps(), validationLoss(validation));
    ValidationLoss best = history.best();
    history.addValidation(loss);
    listener.evaluated(loss);
    if (best == null || loss.loss() < best.loss()) {
      checkpointing.saveBest();
    }
  }

  private double validationLoss(Dataset held) {
    try (AutoCloseable mode = phases.evaluating()) {
      return meanLoss(model, held, batches.padId());
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("cannot go back to training", e);
    }
  }

  /// Mean loss over all target tokens of a dataset, in nats.
  static double meanLoss(CausalLm model, Dataset dataset, int padId) {
    double sum = 0;
    long count = 0;
    Batches batches = new Batches(dataset, new SequentialOrder(dataset.size()), 1, padId);
    for (TokenBatch batch : (Iterable<TokenBatch>) batches.onePass()::iterator) {
      for (float loss : model.negativeLogLikelihoods(batch.ids(), batch.labels(), batch.starts())) {
        sum += loss;
        count++;
      }
    }
    return sum / count;
  }

  long tokens() {
    return tokens;
  }

  double seconds() {
    return seconds;
  }
}
