package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

/// An adapter for llama.cpp, from a training run to the verbs that take it and back to PEFT.
class GgufAdapterVerbsTest {
  private static final String MODEL =
      Path.of(
              Objects.requireNonNull(System.getProperty("fettle.root")),
              "demo/src/main/resources/dev/fettle/demo/model")
          .toString();

  /// Nats per token: the same numbers, computed in the same order.
  private static final double SAME = 1e-6;

  @TempDir Path folder = Path.of("");

  @Test
  void isWrittenTakenAndTurnedBack() throws IOException {
    String text = "The colour of the sky is blue. 3 plus 4 is 7. The capital is far away.\n";
    String data = Files.writeString(folder.resolve("data.txt"), text.repeat(30)).toString();
    String peft = folder.resolve("peft").toString();
    succeed(
        ("finetune --model %s --method lora --data %s --max-steps 4 --batch-size 2 --seq-length 32"
                + " --learning-rate 1e-2 --output %s")
            .formatted(MODEL, data, peft));
    String gguf = folder.resolve("adapter.gguf").toString();
    succeed(
        "export --model %s --adapter %s --format gguf-lora --output %s"
            .formatted(MODEL, peft, gguf));
    double loss = loss(data, peft);
    assertThat(loss).isNotCloseTo(loss(data, null), within(1e-3));
    assertThat(loss(data, gguf)).isCloseTo(loss, within(SAME));

    String again = folder.resolve("again").toString();
    succeed(
        "export --model %s --adapter %s --format peft --output %s".formatted(MODEL, gguf, again));
    assertThat(loss(data, again)).isCloseTo(loss, within(SAME));

    CapturedConsole captured = new CapturedConsole();
    String[] twice =
        "export --model %s --adapter %s --format gguf-lora --output %s"
            .formatted(MODEL, peft, gguf)
            .split(" ");
    assertThat(Cli.run(captured.console(), twice)).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err()).contains("already exists");
  }

  private static double loss(String data, @Nullable String adapter) {
    return succeed(
            "evaluate --model %s %s--data %s --seq-length 64 --max-tokens 256 --compute-dtype float32"
                .formatted(MODEL, adapter == null ? "" : "--adapter " + adapter + " ", data))
        .path("models")
        .get(0)
        .path("mean_loss")
        .asDouble();
  }

  private static ObjectNode succeed(String arguments) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), (arguments + " --json").split(" ")))
        .as(captured.err())
        .isEqualTo(Cli.OK);
    return Json.parse(captured.out(), "output");
  }
}
