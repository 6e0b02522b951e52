package dev.fettle.quantize;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Names of linear layers within a decoder block, such as `self_attn.q_proj`.
final class BlockNames {
  private static final Pattern IN_BLOCK = Pattern.compile("model\\.layers\\.\\d+\\.(.+)");

  private BlockNames() {}

  /// The names of the quantized layers if every block quantizes the same; otherwise null.
  static @Nullable List<String> common(Collection<String> quantized, Collection<String> plain) {
    Set<String> left = names(plain);
    Set<String> chosen = names(quantized);
    return chosen.stream().anyMatch(left::contains) ? null : List.copyOf(chosen);
  }

  private static Set<String> names(Collection<String> modules) {
    Set<String> names = new LinkedHashSet<>();
    for (String module : modules) {
      Matcher matcher = IN_BLOCK.matcher(module);
      names.add(matcher.matches() ? matcher.group(1) : module);
    }
    return names;
  }
}
