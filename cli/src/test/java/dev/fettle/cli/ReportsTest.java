package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xml.sax.InputSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// `quantize --report` and `evaluate --compare`.
class ReportsTest {
  private static final Path SHARED = Path.of(System.getProperty("fettle.shared"));
  private static final Path MODEL = SHARED.resolve("assets/stories260K");
  private static final Path TEXT = SHARED.resolve("assets/text/tinyshakespeare.txt");

  @TempDir Path folder = Path.of("");

  @BeforeEach
  void needsTheModel() {
    assumeTrue(Files.isDirectory(MODEL), "no stories260K in " + SHARED);
  }

  @Test
  void fromQuantizeToTheComparisonWithTheReference() throws Exception {
    Path page = folder.resolve("quantize.html");
    String int4 = quantize("int4:sym:channel", "--report", page.toString());
    JsonNode sections = report(page).get("sections");
    assertThat(kinds(sections))
        .containsExactly(
            "table",
            "lines",
            "table",
            "distributions",
            "distributions",
            "distributions",
            "distributions",
            "distributions");
    assertThat(sections.get(0).get("rows")).hasSize(5);
    assertThat(sections.get(2).get("rows")).hasSize(35);
    JsonNode first = sections.get(3).get("distributions");
    assertThat(first).hasSize(7);
    for (JsonNode layer : first) {
      boolean mlp = layer.get("name").asString().startsWith("mlp.");
      assertThat(sum(layer.get("before"))).isEqualTo(sum(layer.get("after")));
      assertThat(sum(layer.get("before")))
          .isIn(mlp ? List.of(64L * 172) : List.of(64L * 64, 64L * 32));
    }

    Path gptq = folder.resolve("gptq.html");
    quantize(
        "int3:sym:channel",
        "--algorithm=gptq",
        "--data=" + TEXT,
        "--max-tokens=512",
        "--seq-length=64",
        "--report=" + gptq);
    assertThat(report(gptq).get("sections").get(2).get("rows")).hasSize(35);

    Path compared = folder.resolve("compare.html");
    List<String> args =
        List.of(
            "evaluate",
            "--compare",
            "--model",
            MODEL.toString(),
            "--model",
            quantize("int8:sym:channel"),
            "--model",
            int4,
            "--data",
            TEXT.toString(),
            "--seq-length",
            "64",
            "--max-tokens",
            "512",
            "--report",
            compared.toString());
    CapturedConsole text = run(args, Cli.OK);
    assertThat(text.out()).contains("KL 99 %").contains("same top-1").contains("reference: ");
    List<String> json = new ArrayList<>(args);
    json.add("--json");
    ObjectNode answer = Json.parse(run(json, Cli.OK).out(), "out");
    JsonNode models = answer.get("models");
    assertThat(models).hasSize(3);
    assertThat(models.get(0).get("kl").get("mean").asDouble()).isZero();
    double eight = models.get(1).get("kl").get("mean").asDouble();
    assertThat(eight).isPositive().isLessThan(models.get(2).get("kl").get("mean").asDouble());
    assertThat(models.get(2).get("blocks")).hasSize(5);
    assertThat(kinds(report(compared).get("sections")))
        .containsExactly("table", "bars", "lines", "lines");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "quantize --model MODEL --output OUT --scheme int8:sym:channel --report OUT.txt | must end in .html",
        "evaluate --model MODEL --data TEXT --report OUT.html | --report belongs to --compare",
        "evaluate --model MODEL --data TEXT --compare | two models or more",
        "evaluate --model MODEL --model MODEL --data TEXT --compare --stride 7 | leave out --stride",
        "evaluate --model MODEL --model MODEL --data TEXT --compare --seq-length 4096 | 512 positions",
        "evaluate --model MODEL --model NOWHERE --data TEXT --compare | NOWHERE"
      })
  void badInputIsOneSentenceAndLeavesNothing(String command, String expected) throws IOException {
    List<String> args =
        List.of(
            command
                .strip()
                .replace("MODEL", MODEL.toString())
                .replace("TEXT", TEXT.toString())
                .replace("OUT", folder.resolve("out").toString())
                .split(" "));
    CapturedConsole captured = run(args, Cli.BAD_INPUT);
    assertThat(captured.out()).isEmpty();
    assertThat(captured.err()).startsWith("fettle " + args.getFirst() + ": ").contains(expected);
    assertThat(captured.err().lines().filter(line -> !line.startsWith("Try: "))).hasSize(1);
    assertThat(folder).isEmptyDirectory();
  }

  private String quantize(String scheme, String... more) {
    Path output = folder.resolve(scheme.replace(':', '-'));
    List<String> args =
        new ArrayList<>(
            List.of(
                "quantize",
                "--model",
                MODEL.toString(),
                "--scheme",
                scheme,
                "--output",
                output.toString()));
    args.addAll(List.of(more));
    run(args, Cli.OK);
    return output.toString();
  }

  private static CapturedConsole run(List<String> args, int exitCode) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(args.toArray(String[]::new))).as(captured.err()).isEqualTo(exitCode);
    return captured;
  }

  /// The data beside a page, which itself must be well-formed and need nothing from elsewhere.
  private static ObjectNode report(Path page) throws Exception {
    String html = Files.readString(page);
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(html)));
    assertThat(html).contains("<svg").doesNotContain("http:", "https:", "<script");
    Path data = page.resolveSibling(page.getFileName().toString().replace(".html", ".json"));
    return Json.read(data);
  }

  private static List<String> kinds(JsonNode sections) {
    List<String> kinds = new ArrayList<>();
    sections.forEach(section -> kinds.add(section.get("kind").asString()));
    return kinds;
  }

  private static long sum(JsonNode counts) {
    long sum = 0;
    for (JsonNode count : counts) {
      sum += count.asLong();
    }
    return sum;
  }
}
