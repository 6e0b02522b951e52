package dev.fettle.benchmarks;

import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/// Predicted and measured peak memory (`VmHWM`) and speed of every kind of work on models of real
/// shapes, each row a process of its own started through the launcher.
///
/// Arguments: the checkout with its `fettle`, a folder with model folders (see {@link
/// RandomCheckpoint}), a text of 50 kB or more, and optionally the names of rows such as `qlora`.
/// Fails if a prediction is off by more than 10 %.
public final class MemoryTable {
  private static final double LARGEST_ERROR = 0.10;

  /// The recipe of transformers' and PEFT's documentation for gemma-2b.
  private static final String NF4 =
      "{\"load_in_4bit\": true, \"bnb_4bit_quant_type\": \"nf4\", \"bnb_4bit_compute_dtype\": \"bfloat16\"}";

  private static final String LORA =
      "{\"r\": 8, \"task_type\": \"CAUSAL_LM\", \"target_modules\": [\"q_proj\", \"o_proj\", \"k_proj\", \"v_proj\", \"gate_proj\", \"up_proj\", \"down_proj\"]}";

  /// Full training of larger models does not fit the machine of the table.
  private static final long LARGEST_FOR_FULL = 1_500_000_000L;

  private MemoryTable() {}

  private record Row(String name, List<String> arguments, boolean writes) {}

  static void main(String[] args) throws IOException, InterruptedException {
    Path launcher = Path.of(args[0]).resolve("fettle");
    Path text = Path.of(args[2]);
    List<String> wanted = Arrays.asList(args).subList(3, args.length);
    System.out.println("| model | work | predicted | measured | error | tokens/s |");
    System.out.println("|---|---|---:|---:|---:|---:|");
    double worst = 0;
    for (Path model : models(Path.of(args[1]))) {
      for (Row row : rows(model, text)) {
        if (wanted.isEmpty() || wanted.contains(row.name())) {
          worst = Math.max(worst, Math.abs(measure(launcher, model, row)));
        }
      }
    }
    if (worst > LARGEST_ERROR) {
      throw new IllegalStateException("a prediction is off by %.1f %%".formatted(100 * worst));
    }
  }

  private static List<Path> models(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.filter(path -> Files.exists(path.resolve("config.json"))).sorted().toList();
    }
  }

  private static List<Row> rows(Path model, Path text) throws IOException {
    List<String> data =
        List.of(
            "--data",
            text.toString(),
            "--max-steps",
            "3",
            "--batch-size",
            "2",
            "--seq-length",
            "256",
            "--save-steps",
            "0");
    List<Row> rows = new ArrayList<>();
    rows.add(finetune("qlora", data, "--quantization-config", NF4, "--lora-config", LORA));
    rows.add(finetune("lora", data, "--method", "lora"));
    if (weightBytes(model) < LARGEST_FOR_FULL) {
      rows.add(finetune("full", data, "--method", "full", "--optim", "adamw_8bit"));
    }
    rows.add(
        new Row(
            "generate",
            List.of("generate", "--prompt", "What is the answer?", "--max-new-tokens", "32"),
            false));
    rows.add(new Row("quantize", List.of("quantize", "--quant-type", "nf4"), true));
    rows.add(
        new Row(
            "evaluate",
            List.of("evaluate", "--data", text.toString(), "--max-tokens", "4096"),
            false));
    return rows;
  }

  private static Row finetune(String name, List<String> data, String... options) {
    List<String> arguments = new ArrayList<>(List.of("finetune"));
    arguments.addAll(data);
    arguments.addAll(List.of(options));
    return new Row(name, arguments, true);
  }

  private static long weightBytes(Path model) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  /// @return by what share the prediction is too large
  private static double measure(Path launcher, Path model, Row row)
      throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("fettle-memory");
    Path output = folder.resolve("out");
    try {
      ObjectNode answer = run(launcher, model, row, output);
      double predicted = answer.get("predicted_peak_bytes").asDouble();
      double measured = answer.get("measured_peak_bytes").asDouble();
      double error = predicted / measured - 1;
      System.out.printf(
          Locale.ROOT,
          "| %s | %s | %.2f GB | %.2f GB | %+.1f %% | %s |%n",
          model.getFileName(),
          row.name(),
          predicted / 1e9,
          measured / 1e9,
          100 * error,
          answer.has("tokens_per_second")
              ? "%.1f".formatted(answer.get("tokens_per_second").asDouble())
              : "");
      return error;
    } finally {
      AtomicFolder.delete(folder);
    }
  }

  private static ObjectNode run(Path launcher, Path model, Row row, Path output)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(launcher.toString());
    command.addAll(row.arguments());
    command.addAll(List.of("--model", model.toString(), "--json"));
    if (row.writes()) {
      command.addAll(List.of("--output", output.toString()));
    }
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IllegalStateException(command + " failed");
    }
    List<String> lines = text.lines().toList();
    return Json.parse(lines.getLast(), "the answer of " + row.name());
  }
}
