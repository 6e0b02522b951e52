package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// Writes text token by token. A generator is a conversation: each call goes on where the last
/// ended, and the keys and values of everything before stay in its cache.
public final class Generator implements AutoCloseable {
  private final CausalLm model;
  private final Sampler sampler;
  private final @Nullable KvCache cache;
  private final int capacity;
  private final List<Integer> context = new ArrayList<>();

  /// @param capacity most tokens of prompt and answer together
  /// @param useCache keep keys and values; without it every token recomputes the whole text, which
  ///   gives the same tokens more slowly
  public Generator(CausalLm model, SamplingOptions options, int capacity, boolean useCache) {
    this.model = model;
    this.sampler = new Sampler(options);
    this.capacity = capacity;
    this.cache = useCache ? model.newCache(1, capacity) : null;
  }

  /// Tokens of the conversation so far.
  public int length() {
    return context.size();
  }

  public int capacity() {
    return capacity;
  }

  /// Appends `prompt` and generates until `stop`, `maxNewTokens`, or the end of the cache.
  ///
  /// @param prompt ids of the prompt or of the next turn
  /// @param onToken receives every new token, also the stopping one; returning false ends the
  ///   generation
  /// @return the new tokens, including the one that stopped it
  /// @throws UserException if the prompt is empty or does not fit
  public List<Integer> generate(
      int[] prompt, int maxNewTokens, IntPredicate stop, IntPredicate onToken) {
    if (prompt.length == 0) {
      throw new UserException(
          "The prompt has no tokens; give a prompt, or a model with a BOS token.");
    }
    if (context.size() + prompt.length > capacity) {
      throw new UserException(
          "The text has %d tokens, more than the %d the model can take; shorten the prompt."
              .formatted(context.size() + prompt.length, capacity));
    }
    for (int id : prompt) {
      context.add(id);
    }
    List<Integer> fresh = new ArrayList<>();
    while (fresh.size() < maxNewTokens && context.size() < capacity) {
      int next = sampler.next(nextLogits(), context);
      context.add(next);
      fresh.add(next);
      if (!onToken.test(next) || stop.test(next)) {
        break;
      }
    }
    return fresh;
  }

  /// Feeds the model what it has not read yet: the prompt at first, then one token at a time.
  private float[] nextLogits() {
    KvCache keysAndValues = cache;
    try (Scope scope = Scope.open()) {
      if (keysAndValues != null) {
        return model.nextLogits(unread(keysAndValues.length()), keysAndValues).toFloats();
      }
      return model.logits(unread(0)).narrow(0, context.size() - 1, 1).contiguous().toFloats();
    }
  }

  private int[][] unread(int from) {
    return new int[][] {
      context.subList(from, context.size()).stream().mapToInt(Integer::intValue).toArray()
    };
  }

  @Override
  public void close() {
    if (cache != null) {
      cache.close();
    }
  }
}
