package dev.fettle.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Illnesses of tokens and templates: each is made, found under its id, and nothing else is.
class SickTokenizersTest {
  @TempDir Path root;
  private TestModel model;

  @BeforeEach
  void healthy() throws IOException {
    model = TestModel.write(root.resolve("model"));
  }

  private Examination examine() {
    return Examination.of(model.path());
  }

  @Test
  void anEosThatGenerationDoesNotKnow() throws IOException {
    model.edit("generation_config.json", json -> json.put("eos_token_id", 2));
    Examination examination = examine();
    examination.finds(
        Severity.ERROR, "missing-eos", "'<|im_end|>' (4)", "generation_config.json is '</s>' (2)");
    assertThat(examination.worst("missing-eos").fix()).contains("\"eos_token_id\": [2, 4]");
    examination.isSoundExcept("missing-eos");
  }

  @Test
  void anEosThatTheConfigurationDoesNotKnow() throws IOException {
    model.remove("generation_config.json").edit("config.json", json -> json.put("eos_token_id", 2));
    examine().finds(Severity.ERROR, "missing-eos", "eos_token_id in config.json is '</s>' (2)");
  }

  @Test
  void noEosAnywhere() throws IOException {
    model
        .edit("tokenizer_config.json", json -> json.remove("eos_token"))
        .edit("generation_config.json", json -> json.remove("eos_token_id"));
    examine().finds(Severity.ERROR, "missing-eos", "no eos_token");
  }

  @Test
  void aTurnThatEndsWithATokenNobodyStopsAt() throws IOException {
    model
        .edit("tokenizer_config.json", json -> json.put("eos_token", "</s>"))
        .edit("config.json", json -> json.put("eos_token_id", 2))
        .edit("generation_config.json", json -> json.put("eos_token_id", 2));
    Examination examination = examine();
    examination.finds(Severity.ERROR, "missing-eos", "'<|im_end|>' (4)", "runs on");
    examination.isSoundExcept("missing-eos");
  }

  @Test
  void aTurnWithoutAnyEnd() throws IOException {
    model.withTemplate(TestModel.CHATML.replace("<|im_end|>", ""));
    examine().finds(Severity.ERROR, "missing-eos", "no token that ends a text");
  }

  @Test
  void anEndOutsideOfTheGenerationBlock() throws IOException {
    model.withTemplate(
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
            + "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}"
            + "{% endgeneration %}{% else %}{{ message['content'] }}{% endif %}<|im_end|>\n"
            + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
    examine().finds(Severity.ERROR, "missing-eos", "{% generation %}");
  }

  @Test
  void aTemplateAndATokenizerThatBothWriteBos() throws IOException {
    model
        .withBosBefore()
        .withTemplate("{{ bos_token }}" + TestModel.CHATML)
        .edit("tokenizer_config.json", json -> json.put("add_bos_token", true));
    Examination examination = examine();
    examination.finds(Severity.WARNING, "double-bos", "'<s>' (1)", "add_bos_token");
    examination.isSoundExcept("double-bos");
  }

  @Test
  void aTemplateThatWritesBosTwice() throws IOException {
    model.withTemplate("{{ bos_token }}{{ bos_token }}" + TestModel.CHATML);
    examine().finds(Severity.ERROR, "double-bos", "2 times '<s>' (1) in training");
  }

  @Test
  void aFlagThatTheTokenizerDoesNotFollow() throws IOException {
    model.edit("tokenizer_config.json", json -> json.put("add_bos_token", true));
    Examination examination = examine();
    examination.finds(
        Severity.ERROR, "token-agreement", "plain words with special tokens", "'<s>' (1)");
    assertThat(examination.findings())
        .anySatisfy(finding -> assertThat(finding.fix()).contains("\"add_bos_token\": false"));
  }

  @Test
  void aTemplateWithoutBosWhereLlamaCppAddsIt() throws IOException {
    model.withBosBefore().edit("tokenizer_config.json", json -> json.put("add_bos_token", true));
    Examination examination = examine();
    examination.finds(Severity.WARNING, "token-agreement", "llama.cpp", "'<s>' (1)");
    examination.isSoundExcept("token-agreement");
  }

  @Test
  void anAnswerThatMeltsIntoTheQuestion() throws IOException {
    model.withTemplate(
        "{% for message in messages %}{% if message['role'] == 'assistant' %}#"
            + "{{ message['content'] }}<|im_end|>{% else %}{{ message['content'] }}\n{% endif %}"
            + "{% endfor %}{% if add_generation_prompt %}#{% endif %}");
    Examination examination = examine();
    examination.finds(
        Severity.WARNING,
        "token-agreement",
        "numbers in a conversation",
        "'#1' (%d) in training and '#' (".formatted(TestModel.tokens() - 1));
    examination.isSoundExcept("token-agreement");
  }

  @Test
  void tokensWithoutRows() throws IOException {
    int rows = TestModel.tokens();
    model.edit(
        "tokenizer.json",
        json -> {
          for (int i = 0; i < 10; i++) {
            TestModel.add(json, rows + i, "<|new_" + i + "|>");
          }
        });
    Examination examination = examine();
    examination.finds(
        Severity.ERROR,
        "vocabulary-size",
        "10 tokens",
        rows + " rows",
        "'<|new_0|>' (%d)".formatted(rows));
    examination.isSoundExcept("vocabulary-size", "token-agreement");
  }

  @Test
  void rowsWithoutTokensAreOnlyNoted() throws IOException {
    model
        .edit("config.json", json -> json.put("vocab_size", TestModel.tokens() + 8))
        .weights(tensors -> {
          long[] shape = {TestModel.tokens() + 8, 32};
          float[] values = new float[(int) (shape[0] * shape[1])];
          java.util.Arrays.fill(values, 0.5f);
          tensors.put(Architecture.EMBEDDING, HostTensor.of(values, shape));
          tensors.put(Architecture.OUTPUT_HEAD, HostTensor.of(values.clone(), shape));
          return tensors;
        });
    Examination examination = examine();
    assertThat(examination.worst("vocabulary-size").severity()).isEqualTo(Severity.NOTE);
    examination.isSoundExcept();
  }

  @Test
  void aSpecialIdBeyondTheEmbedding() throws IOException {
    model.edit("config.json", json -> json.put("eos_token_id", 128_009));
    examine().finds(Severity.ERROR, "vocabulary-size", "eos_token_id in config.json is 128009");
  }

  @Test
  void anAddedTokensDecoderOfAnotherTokenizer() throws IOException {
    model.edit(
        "tokenizer_config.json",
        json -> json.putObject("added_tokens_decoder").putObject("7").put("content", "</s>"));
    examine().finds(Severity.ERROR, "vocabulary-size", "'7' is '</s>'", "that is 2");
  }

  @Test
  void aTemplateThatRefusesASystemMessage() throws IOException {
    model.withTemplate(
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
            + TestModel.CHATML);
    assertThat(examine().worst("chat-template"))
        .satisfies(finding -> {
          assertThat(finding.severity()).isEqualTo(Severity.NOTE);
          assertThat(finding.found()).contains("No system role");
        });
  }

  @Test
  void aTemplateThatWritesTheDate() throws IOException {
    model.withTemplate("Today is {{ strftime_now('%d %b %Y') }}.\n" + TestModel.CHATML);
    assertThat(examine().worst("chat-template"))
        .satisfies(finding -> {
          assertThat(finding.severity()).isEqualTo(Severity.NOTE);
          assertThat(finding.found()).contains("writes the date", "31 Jan 2025");
        });
  }

  @Test
  void aTemplateWithMarkersThatAreNoTokens() throws IOException {
    model.withTemplate(TestModel.CHATML.replace("<|im_start|>", "<|start_header_id|>"));
    examine().finds(Severity.WARNING, "chat-template", "<|start_header_id|>", "pieces");
  }

  @Test
  void aTemplateThatChangesEarlierTurns() throws IOException {
    model.withTemplate(
        "{% for message in messages %}<|im_start|>{{ loop.index }} of {{ loop.length }}\n"
            + "{{ message['content'] }}{{ '<|im_end|>' if loop.last else ' ... ' }}\n{% endfor %}"
            + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
    examine().finds(Severity.WARNING, "chat-template", "several turns");
  }

  @Test
  void aTemplateThatCannotBeRead() throws IOException {
    model.withTemplate("{% for %}");
    Examination examination = examine();
    examination.finds(Severity.ERROR, "chat-template", "tokenizer_config.json");
    examination.isSoundExcept("chat-template");
  }

  @Test
  void aTemplateThatLeavesOutWhatIsSaid() throws IOException {
    model.withTemplate("<|im_start|>hello<|im_end|>");
    examine().finds(Severity.ERROR, "chat-template", "leaves out what is said");
  }

  @Test
  void twoTemplates() throws IOException {
    Files.writeString(model.path().resolve("chat_template.jinja"), "{# new #}" + TestModel.CHATML);
    examine().finds(Severity.WARNING, "chat-template", "differ");
  }

  @Test
  void aPadTokenThatEndsTextsIsNoted() throws IOException {
    model.edit("tokenizer_config.json", json -> json.put("pad_token", "<|im_end|>"));
    Examination examination = examine();
    assertThat(examination.worst("pad-token").severity()).isEqualTo(Severity.NOTE);
    examination.isSoundExcept();
  }

  @Test
  void aRoleWithoutItsToken() throws IOException {
    model.edit("tokenizer_config.json", json -> json.put("pad_token", "[PAD]"));
    examine().finds(Severity.ERROR, "tokenizer", "'[PAD]'");
  }

  @Test
  void noTokenizer() throws IOException {
    model.remove("tokenizer.json");
    Examination examination = examine();
    examination.finds(Severity.ERROR, "tokenizer", "tokenizer.json");
    examination.isSoundExcept("tokenizer");
  }

  @Test
  void controlCharactersOfAFileDoNotReachTheTerminal() throws IOException {
    model.edit("tokenizer_config.json", json -> json.put("pad_token", "\u001b[2J\u202e"));
    assertThat(examine().worst("tokenizer").found()).contains("\\u001B[2J\\u202E");
  }
}
