package dev.fettle.lora;

import dev.fettle.tensor.UserException;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;

/// The modules of a model that are neither linear layers nor the embedding. PEFT matches
/// `target_modules` against these too, and fails on them.
final class OtherModules {
  private OtherModules() {}

  /// @throws UserException if the targets mean one of them
  static void refuse(TargetModules targets, Collection<String> linears, Collection<String> norms) {
    if (!namesModules(targets)) {
      return;
    }
    for (String path : of(linears, norms)) {
      if (!targets.matches(path)) {
        continue;
      }
      throw new UserException(
          "target_modules '%s' also matches '%s', which is not a linear layer; make it match linear layers only, or use all-linear."
              .formatted(targets.text(), path));
    }
  }

  private static boolean namesModules(TargetModules targets) {
    return switch (targets) {
      case TargetModules.AllLinear all -> false;
      case TargetModules.Names names -> true;
      case TargetModules.Regex regex -> true;
      case TargetModules.Except except -> namesModules(except.included());
    };
  }

  private static Set<String> of(Collection<String> linears, Collection<String> norms) {
    Set<String> others = new LinkedHashSet<>();
    others.addAll(norms);
    others.add("model.rotary_emb");
    for (String linear : linears) {
      String parent = linear;
      for (int dot = parent.lastIndexOf('.'); dot > 0; dot = parent.lastIndexOf('.')) {
        parent = parent.substring(0, dot);
        others.add(parent);
        if (parent.endsWith(".mlp")) {
          others.add(parent + ".act_fn");
        }
      }
    }
    return others;
  }
}
