package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.TemplateFiles.Source;
import dev.fettle.text.jinja.Rendering;
import dev.fettle.text.jinja.Template;
import dev.fettle.text.jinja.TemplateException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Chat templates in Jinja, called with the variables that transformers' `apply_chat_template`
/// gives: `messages`, `tools`, `documents`, `add_generation_prompt`, and the special tokens by
/// name.
///
/// @param templates name to template; `default`, `tool_use`, or others
/// @param specialTokens role to text
record JinjaChatTemplate(
    SequencedMap<String, Named> templates, String where, ObjectNode specialTokens, Clock clock)
    implements ChatTemplate {
  private static final String TOOL_USE = "tool_use";

  /// A template and where it is from.
  record Named(Source source, Template template) {
    static Named parse(Source source) {
      try {
        return new Named(source, Template.parse(source.text()));
      } catch (TemplateException e) {
        throw new UserException(source.where() + " cannot be read: " + e.getMessage(), e);
      }
    }
  }

  static @Nullable ChatTemplate load(Path path, Clock clock) {
    TemplateFiles files = TemplateFiles.read(path);
    SequencedMap<String, Named> parsed = new LinkedHashMap<>();
    for (Map.Entry<String, Source> entry : files.templates().entrySet()) {
      String name = entry.getKey();
      // templates for other purposes are not looked into until they are asked for
      if (name.equals(TemplateFiles.DEFAULT) || name.equals(TOOL_USE)) {
        parsed.put(name, Named.parse(entry.getValue()));
      }
    }
    if (parsed.isEmpty() && !files.templates().isEmpty()) {
      throw new UserException(
          files.templates().firstEntry().getValue().where()
              + " has the chat templates "
              + files.names()
              + ", but none named default; write the one to use to chat_template.jinja, or name it"
              + " with --chat-template.");
    }
    return parsed.isEmpty()
        ? null
        : new JinjaChatTemplate(parsed, path.toString(), files.specialTokens(), clock);
  }

  static ChatTemplate named(Path model, String nameOrFile, Clock clock) {
    TemplateFiles files = TemplateFiles.read(model);
    @Nullable Source source = files.templates().get(nameOrFile);
    if (source == null && Files.isRegularFile(Path.of(nameOrFile))) {
      source = TemplateFiles.file(Path.of(nameOrFile));
    }
    if (source == null) {
      throw new UserException(
          "There is no chat template '%s': it is neither a file nor one of the templates of %s, which are %s."
              .formatted(nameOrFile, model, new TreeSet<>(files.names())));
    }
    SequencedMap<String, Named> one = new LinkedHashMap<>();
    one.put(TemplateFiles.DEFAULT, Named.parse(source));
    return new JinjaChatTemplate(one, model.toString(), files.specialTokens(), clock);
  }

  @Override
  public Rendering rendering(Conversation conversation, boolean addGenerationPrompt) {
    Named named = template(conversation);
    ObjectNode all = specialTokens.deepCopy();
    all.setAll(conversation.variables());
    ArrayNode turns = all.putArray("messages");
    conversation.messages().forEach(message -> turns.add(message.fields()));
    all.put("add_generation_prompt", addGenerationPrompt);
    put(all, "tools", conversation.tools());
    put(all, "documents", conversation.documents());
    try {
      return named.template().render(all, clock);
    } catch (TemplateException e) {
      throw new UserException(
          "The chat template ("
              + named.source().where()
              + ") refuses the conversation: "
              + e.getMessage(),
          e);
    }
  }

  private static void put(ObjectNode variables, String name, @Nullable ArrayNode value) {
    if (value == null) {
      // a name that the user set with chat_template_kwargs stays
      variables.putIfAbsent(name, variables.nullNode());
    } else {
      variables.set(name, value);
    }
  }

  private Named template(Conversation conversation) {
    @Nullable Named toolUse = templates.get(TOOL_USE);
    boolean tools =
        conversation.tools() != null || conversation.variables().path("tools").isArray();
    if (tools && toolUse != null) {
      return toolUse;
    }
    @Nullable Named usual = templates.get(TemplateFiles.DEFAULT);
    if (usual == null) {
      throw new UserException(
          where
              + " has a chat template for conversations with tools (tool_use), but none named"
              + " default; write one to chat_template.jinja.");
    }
    return usual;
  }
}
