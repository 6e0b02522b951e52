package dev.fettle.finetune;

import dev.fettle.engine.ProcessMemory;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.text.DatasetOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A training run in a process of its own, to be killed or measured from outside. It prints `saved
/// N` after each checkpoint, `resident BYTES` after every hundredth step, and `finished`.
final class TrainingProcess {
  private TrainingProcess() {}

  /// @param arguments model, data, output, steps, saveSteps, resume
  public static void main(String[] arguments) {
    FinetuneRequest request =
        request(
            Path.of(arguments[0]),
            Path.of(arguments[1]),
            Path.of(arguments[2]),
            Integer.parseInt(arguments[3]),
            Integer.parseInt(arguments[4]),
            Boolean.parseBoolean(arguments[5]));
    Finetune.run(
        request,
        new TrainingListener() {
          @Override
          public void saved(int step, Path folder) {
            System.out.println("saved " + step);
          }

          @Override
          public void step(StepReport report) {
            if (report.step() % 100 == 0) {
              System.out.println("resident " + ProcessMemory.resident());
            }
          }
        });
    System.out.println("finished");
  }

  static FinetuneRequest request(
      Path model, Path data, Path output, int steps, int saveSteps, boolean resume) {
    return FinetuneRequest.builder(model, data, output)
        .dataset(DatasetOptions.of(8))
        .lora(LoraConfig.builder(4, 8, new TargetModules.AllLinear()).loraDropout(0.1).build())
        .options(
            TrainingOptions.builder()
                .maxSteps(steps)
                .batchSize(1)
                .learningRate(0.01)
                .lrScheduler(LearningRateSchedule.Shape.LINEAR)
                .saveSteps(saveSteps)
                .build())
        .resume(resume)
        .build();
  }

  /// Starts `main` with a small heap that is touched at once, so that what grows is native memory.
  static Process start(Path model, Path data, Path output, int steps, int saveSteps, boolean resume)
      throws IOException {
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms96m",
                "-Xmx96m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", // the second compiler's own memory comes and goes
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-cp",
                classPath,
                TrainingProcess.class.getName()));
    for (Object argument : List.of(model, data, output, steps, saveSteps, resume)) {
      command.add(argument.toString());
    }
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("MALLOC_ARENA_MAX", "1"); // one pool, so that it settles early
    return builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  /// The lines a process printed until it ended.
  static List<String> lines(Process process) throws IOException {
    try (BufferedReader reader = process.inputReader()) {
      return reader.lines().toList();
    }
  }
}
