package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.model.Generator;
import dev.fettle.text.StreamingDecoder;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle generate`: the model goes on with a text.
@Command(
    name = "generate",
    header = "Let a model go on with a text.",
    description =
        "Prints the prompt and what the model adds, token by token. Without a prompt it starts from the"
            + " beginning-of-text token alone.",
    footer = "  fettle generate --model MODEL --prompt \"Once upon a time\" --max-new-tokens 200")
final class GenerateVerb extends Verb {
  @Mixin ModelOptions options = new ModelOptions();

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "The text to go on with (default: none).")
  String prompt = "";

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "Stop after N tokens, or at the end-of-text token (default: 128).")
  int maxNewTokens = 128;

  @Mixin SamplingMixin sampling = new SamplingMixin();

  @Option(
      names = "--no-use-cache",
      description = "Compute the whole text anew for every token: slow, for comparison.")
  boolean noCache;

  @Mixin PlanOptions plan = new PlanOptions();

  GenerateVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    if (maxNewTokens < 1) {
      throw usage("--max-new-tokens must be 1 or more, not " + maxNewTokens);
    }
    plan.check(console, options.model, options.generation(prompt, maxNewTokens, !noCache));
    try (OpenModel open = options.open()) {
      int[] ids = open.promptIds(prompt);
      int capacity = open.capacity(ids.length, maxNewTokens);
      Set<Integer> stopIds = open.stopIds();
      StreamingDecoder decoder = open.tokenizer().streamingDecoder(ids);
      StringBuilder text = new StringBuilder();
      console.out().print(prompt);
      long start = System.nanoTime();
      List<Integer> fresh;
      try (Generator generator =
          new Generator(open.model(), sampling.options(0), capacity, !noCache)) {
        fresh =
            generator.generate(
                ids,
                maxNewTokens,
                stopIds::contains,
                id -> {
                  console.stop().check();
                  show(console, text, decoder.next(id));
                  return true;
                });
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      show(console, text, decoder.flush());
      console.endText();
      console
          .err()
          .println(
              "%d tokens in %s, %s tokens/s"
                  .formatted(
                      fresh.size(),
                      Units.duration(seconds),
                      Units.fixed(fresh.size() / seconds, 1)));
      plan.report(console);
      return Answer.of(plan.add(json(ids, fresh, text.toString(), seconds)));
    }
  }

  private static void show(Console console, StringBuilder text, String piece) {
    text.append(piece);
    console.out().print(piece);
    console.out().flush();
  }

  private ObjectNode json(int[] ids, List<Integer> fresh, String text, double seconds) {
    ObjectNode json =
        Json.object()
            .put("prompt", prompt)
            .put("text", text)
            .put("prompt_tokens", ids.length)
            .put("new_tokens", fresh.size())
            .put("seconds", seconds)
            .put("tokens_per_second", fresh.size() / seconds);
    ArrayNode tokens = json.putArray("token_ids");
    fresh.forEach(tokens::add);
    return json;
  }
}
