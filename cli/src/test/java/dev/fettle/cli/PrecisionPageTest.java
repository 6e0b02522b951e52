package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The blocks of docs/precision.md are what the commands in them print. After a change of the
/// output, the environment variable `JAVA_TOOL_OPTIONS=-Dfettle.docs=write` writes the page anew.
class PrecisionPageTest {
  private static final Path PAGE = Sources.ROOT.resolve("docs/precision.md");
  private static final Pattern BLOCK =
      Pattern.compile("```\\n\\$ fettle (explain [^\\n]*)\\n(.*?)```", Pattern.DOTALL);

  private record Block(String command, String output) {
    @Override
    public String toString() {
      return command;
    }
  }

  static List<Block> blocks() throws IOException {
    String page = Files.readString(PAGE);
    if (System.getProperty("fettle.docs", "").equals("write")) {
      page =
          BLOCK
              .matcher(page)
              .replaceAll(block ->
                  Matcher.quoteReplacement(
                      "```\n$ fettle " + block.group(1) + "\n" + output(block.group(1)) + "```"));
      Files.writeString(PAGE, page);
    }
    return BLOCK.matcher(page).results().map(m -> new Block(m.group(1), m.group(2))).toList();
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void aBlockIsWhatItsCommandPrints(Block block) {
    assertThat(output(block.command())).isEqualTo(block.output());
  }

  @Test
  void thePageShowsTheWorkedExamplesOfTheNotes() throws IOException {
    assertThat(Files.readString(PAGE))
        .contains("= 1000 / 255 = 3.92157")
        .contains("= 1020 / 255 = 4\n")
        .contains("round(0 - (-20) / 4) = round(5) = 5")
        .contains("round(-128 - (-20) / 4) = round(-123) = -123")
        .contains("= 2000 / 255 = 7.84314")
        .contains("28 GB in fp32")
        .contains("instead of 9");
    assertThat(blocks()).hasSizeGreaterThan(8);
  }

  private static String output(String command) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(command.split(" "))).as(captured.err()).isZero();
    return captured.out();
  }
}
