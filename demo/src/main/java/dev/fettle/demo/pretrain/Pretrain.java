package dev.fettle.demo.pretrain;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.demo.world.World;
import dev.fettle.finetune.Finetune;
import dev.fettle.finetune.FinetuneRequest;
import dev.fettle.finetune.LearningRateSchedule;
import dev.fettle.finetune.RunRecord;
import dev.fettle.finetune.TrainingListener;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.finetune.TrainingOptions;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Trains a model from random weights, of the small world or of a text: full fine-tuning, with
/// nothing to start from.
public final class Pretrain {
  /// The world's prose takes about 4 characters per token; a little more than one pass needs.
  private static final double CHARACTERS_PER_TOKEN = 4.1;

  /// Text for the validation loss, of another seed.
  private static final int VALIDATION_CHARACTERS = 30_000;

  private Pretrain() {}

  /// Writes `prose.txt`, `held-out.txt`, `start/` (random weights) and `model/` (the result) below
  /// the output folder.
  ///
  /// @throws dev.fettle.tensor.UserException if the folder is in use or cannot be written
  public static RunRecord run(PretrainOptions options, TrainingListener listener) {
    Path start = options.output().resolve("start");
    Path prose = options.output().resolve("prose.txt");
    Path heldOut = options.output().resolve("held-out.txt");
    Path text = options.text();
    boolean fresh = !options.resume() || !Files.exists(start);
    if (text == null) {
      if (fresh) {
        RandomModel.write(start, options.shape(), options.seed());
      }
      AtomicFiles.writeString(prose, World.prose(options.seed(), characters(options)));
      AtomicFiles.writeString(heldOut, World.prose(options.seed() + 1, VALIDATION_CHARACTERS));
    } else {
      String all = read(text);
      if (fresh) {
        RandomModel.write(start, options.shape(), options.seed(), all);
      }
      int end = all.length() - Math.min(all.length() / 10, VALIDATION_CHARACTERS);
      AtomicFiles.writeString(prose, all.substring(0, end));
      AtomicFiles.writeString(heldOut, all.substring(end));
    }
    return Finetune.run(
        FinetuneRequest.builder(start, prose, options.output().resolve("model"))
            .validationData(heldOut)
            .dataset(DatasetOptions.of(options.seqLength()))
            .method(TrainingMethod.FULL)
            .computeDtype(DType.BF16)
            .options(training(options))
            .resume(options.resume())
            .build(),
        listener);
  }

  private static String read(Path text) {
    try {
      return Files.readString(text);
    } catch (IOException e) {
      throw new UserException(
          "Cannot read the text %s (%s); expected a UTF-8 file.".formatted(text, e.getMessage()),
          e);
    }
  }

  private static int characters(PretrainOptions options) {
    double tokens = (double) options.steps() * options.batchSize() * options.seqLength();
    return (int) Math.min(Integer.MAX_VALUE / 4, tokens * CHARACTERS_PER_TOKEN);
  }

  private static TrainingOptions training(PretrainOptions options) {
    return TrainingOptions.builder()
        .maxSteps(options.steps())
        .batchSize(options.batchSize())
        .learningRate(options.learningRate())
        .lrScheduler(LearningRateSchedule.Shape.COSINE)
        .warmupSteps(Math.min(100, options.steps() / 10))
        .adam(0.9, 0.99, 1e-8)
        .weightDecay(0.01)
        .maxGradNorm(1)
        .seed(options.seed())
        .evalSteps(500)
        .saveSteps(500)
        .build();
  }
}
