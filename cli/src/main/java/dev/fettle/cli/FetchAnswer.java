package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.hub.FetchPlan;
import dev.fettle.checkpoint.hub.ModelName;
import dev.fettle.checkpoint.hub.RepoFile;
import java.io.PrintStream;
import java.nio.file.Path;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle fetch` says in the end.
final class FetchAnswer {
  private FetchAnswer() {}

  /// For `--dry-run`: every file with its size and whether it would be downloaded.
  static void printPlan(FetchPlan plan, PrintStream out) {
    Table table = new Table().left("file").right("size").left("");
    for (FetchPlan.Item item : plan.items()) {
      RepoFile file = item.file();
      table.row(
          file.path(),
          file.size() < 0 ? "?" : Units.bytes(file.size()),
          item.isHere() ? "is here" : "to download");
    }
    table.print(out);
    out.printf(
        "%n%d of %d files to download, %s of %s, into %s%n",
        plan.missing().size(),
        plan.items().size(),
        Units.bytes(plan.missingBytes()),
        Units.bytes(plan.bytes()),
        plan.folder());
  }

  /// The folder alone on the last line, as `hf download` has it, for scripts.
  static void print(FetchPlan plan, Path folder, PrintStream out) {
    int missing = plan.missing().size();
    out.printf(
        "%d %s (%s), %s%n",
        plan.items().size(),
        plan.items().size() == 1 ? "file" : "files",
        Units.bytes(plan.bytes()),
        missing == 0 ? "all of them here already" : missing + " downloaded");
    out.println(folder);
  }

  static ObjectNode json(ModelName model, FetchPlan plan) {
    ObjectNode json =
        Json.object()
            .put("model", model.toString())
            .put("commit", plan.commit())
            .put("folder", plan.folder().toString())
            .put("bytes", plan.bytes())
            .put("downloaded_bytes", plan.missingBytes());
    ArrayNode files = json.putArray("files");
    for (FetchPlan.Item item : plan.items()) {
      files
          .addObject()
          .put("path", item.file().path())
          .put("size", item.file().size())
          .put("was_here", item.isHere());
    }
    return json;
  }
}
