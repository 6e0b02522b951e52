package dev.fettle.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoTest {
  /// Half of the real demo's steps: enough to learn the form of an answer.
  private static final int STEPS = 60;

  @Test
  void theLineRunsAndFineTuningHelps(@TempDir Path temporary) throws Exception {
    Path output = temporary.resolve("demo");
    List<String> stages = new ArrayList<>();
    DemoListener listener =
        new DemoListener() {
          @Override
          public void stage(int index, int count, String title) {
            stages.add(index + "/" + count);
          }
        };

    DemoResult result = Demo.run(new DemoOptions(output, STEPS, 4, 1), listener);

    assertThat(stages).containsExactly("1/6", "2/6", "3/6", "4/6", "5/6", "6/6");
    assertThat(result.improved()).isTrue();
    assertThat(result.baseAccuracy()).isLessThan(0.1);
    assertThat(result.bestAccuracy()).isGreaterThan(0.4);
    assertThat(result.table()).hasSize(8);
    assertThat(Files.readString(result.html())).contains("QLoRA").contains("<svg");
    assertThat(Json.read(output.resolve("report.json")).get("sections").size()).isEqualTo(7);
    assertThat(result.json().get("models").size()).isEqualTo(6);
    for (String folder : List.of("model", "int8", "nf4", "merged")) {
      assertThat(output.resolve(folder).resolve("config.json")).exists();
    }
  }

  @Test
  void aFolderWithOtherFilesIsLeftAlone(@TempDir Path temporary) throws Exception {
    Path mine = Files.writeString(temporary.resolve("mine.txt"), "keep me");

    assertThatThrownBy(() -> Demo.run(DemoOptions.defaults(temporary), DemoListener.NONE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("holds files that no demo wrote");
    assertThat(mine).hasContent("keep me");
  }

  @Test
  void theWorkspaceOfAnEarlierDemoIsUsedAgain(@TempDir Path temporary) throws Exception {
    Workspace first = Workspace.prepare(temporary.resolve("demo"));
    Files.createDirectories(first.folder("lora"));
    Files.writeString(first.folder("lora").resolve("old"), "old");

    Workspace again = Workspace.prepare(temporary.resolve("demo"));

    assertThat(again.folder("lora")).doesNotExist();
  }
}
