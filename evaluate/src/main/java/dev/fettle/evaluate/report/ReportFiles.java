package dev.fettle.evaluate.report;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.Json;
import java.nio.file.Path;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Writes a report as a page and, beside it, its content as JSON.
public final class ReportFiles {
  private ReportFiles() {}

  /// @param html where the page goes, such as `report.html`; the data goes to `report.json`
  /// @throws dev.fettle.tensor.UserException if a file cannot be written
  public static void write(Path html, Report report) {
    AtomicFiles.writeString(html, HtmlReport.render(report));
    AtomicFiles.writeString(jsonBeside(html), Json.pretty(json(report)));
  }

  /// The same path with the extension `.json`.
  public static Path jsonBeside(Path html) {
    String name = html.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return html.resolveSibling((dot > 0 ? name.substring(0, dot) : name) + ".json");
  }

  /// Title, summary and every section with its kind; numbers as numbers, in full precision.
  public static ObjectNode json(Report report) {
    ObjectNode root = Json.object().put("title", report.title()).put("summary", report.summary());
    ArrayNode facts = root.putArray("facts");
    report.facts().forEach(f -> facts.addObject().put("value", f.value()).put("label", f.label()));
    ArrayNode sections = root.putArray("sections");
    for (Section section : report.sections()) {
      SectionJson.write(section, sections.addObject().put("heading", section.heading()));
    }
    return root;
  }
}
