package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import dev.fettle.text.jinja.Template;
import dev.fettle.text.jinja.TemplateException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A chat template in Jinja, called with the variables that transformers' `apply_chat_template`
/// gives: `messages`, `add_generation_prompt`, `tools` and `documents` as `none`, and the special
/// tokens by name.
///
/// @param source where it was found, for error messages
record JinjaChatTemplate(String source, Template template, ObjectNode specialTokens, Clock clock)
    implements ChatTemplate {

  static @Nullable ChatTemplate load(Path path, Clock clock) {
    return GgufFile.isGguf(path) ? loadGguf(path, clock) : loadFolder(path, clock);
  }

  private static @Nullable ChatTemplate loadFolder(Path folder, Clock clock) {
    Path configFile = folder.resolve("tokenizer_config.json");
    @Nullable ObjectNode config = Files.exists(configFile) ? Json.read(configFile) : null;
    Path templateFile = folder.resolve("chat_template.jinja");
    if (Files.exists(templateFile)) {
      return create(read(templateFile), templateFile.toString(), config, clock);
    }
    @Nullable String text =
        config == null ? null : configured(config.path("chat_template"), configFile);
    return create(text, configFile + ", chat_template", config, clock);
  }

  private static @Nullable ChatTemplate loadGguf(Path path, Clock clock) {
    try (GgufFile file = GgufFile.open(path)) {
      ObjectNode config = GgufVocabulary.tokenizerConfigJson(file.metadata());
      @Nullable String text = configured(config.path("chat_template"), path);
      return create(text, path + ", tokenizer.chat_template", config, clock);
    }
  }

  private static @Nullable ChatTemplate create(
      @Nullable String text, String source, @Nullable ObjectNode config, Clock clock) {
    if (text == null) {
      return null;
    }
    try {
      Template template = Template.parse(text);
      return new JinjaChatTemplate(source, template, specialTokens(config), clock);
    } catch (TemplateException e) {
      throw new UserException(source + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  private static @Nullable String configured(JsonNode node, Path file) {
    if (node.isString()) {
      return node.asString();
    }
    List<String> names = new ArrayList<>();
    for (JsonNode named : node) {
      names.add(named.path("name").asString(""));
      if (names.getLast().equals("default")) {
        return named.path("template").asString("");
      }
    }
    if (names.isEmpty()) {
      return null;
    }
    throw new UserException(
        file
            + " has the chat templates "
            + names
            + ", but none named default; write the one to use to chat_template.jinja.");
  }

  private static ObjectNode specialTokens(@Nullable ObjectNode config) {
    ObjectNode tokens = Json.object();
    if (config == null) {
      return tokens;
    }
    for (Map.Entry<String, JsonNode> entry : config.properties()) {
      JsonNode value = entry.getValue();
      JsonNode text = value.isObject() ? value.path("content") : value;
      if (entry.getKey().endsWith("_token") && text.isString()) {
        tokens.set(entry.getKey(), text);
      }
    }
    return tokens;
  }

  @Override
  public Rendering rendering(List<ChatMessage> messages, boolean addGenerationPrompt) {
    ObjectNode variables = specialTokens.deepCopy();
    ArrayNode turns = variables.putArray("messages");
    for (ChatMessage message : messages) {
      turns.addObject().put("role", message.role()).put("content", message.content());
    }
    variables.put("add_generation_prompt", addGenerationPrompt);
    variables.putNull("tools");
    variables.putNull("documents");
    try {
      return template.render(variables, clock);
    } catch (TemplateException e) {
      throw new UserException(
          "The chat template (" + source + ") refuses the conversation: " + e.getMessage(), e);
    }
  }
}
