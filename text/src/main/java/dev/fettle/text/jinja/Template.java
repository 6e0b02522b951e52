package dev.fettle.text.jinja;

import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/// A parsed template; immutable, may be shared by threads.
public final class Template {
  private final List<Statement> body;

  private Template(List<Statement> body) {
    this.body = body;
  }

  /// @throws TemplateException if `source` is no template, with the line
  public static Template parse(String source) {
    return new Template(StatementParser.parse(source));
  }

  /// @param variables the names the template can use
  /// @param clock what `strftime_now` reads, in its time zone
  /// @throws TemplateException if the template fails, refuses, or runs beyond all measure
  public Rendering render(ObjectNode variables, Clock clock) {
    Map<String, Value> values = new HashMap<>();
    variables.propertyStream().forEach(e -> values.put(e.getKey(), Value.of(e.getValue())));
    return render(values, clock);
  }

  Rendering render(Map<String, Value> variables, Clock clock) {
    Budget budget = new Budget();
    Scope globals = new Scope(null);
    Globals.define(globals, clock);
    variables.forEach(globals::set);
    OutputBuffer output = new OutputBuffer(budget);
    new Interpreter(budget, output).run(body, new Scope(globals));
    return new Rendering(output.text(), output.generated());
  }
}
