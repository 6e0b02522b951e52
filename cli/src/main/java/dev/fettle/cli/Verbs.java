package dev.fettle.cli;

import java.util.List;

/// The verbs there are.
final class Verbs {
  private Verbs() {}

  static List<Verb> inDataFlowOrder(Console console) {
    return List.of(
        new DemoVerb(console),
        new ExplainVerb(console),
        new FetchVerb(console),
        new InspectVerb(console),
        new DoctorVerb(console),
        new PlanVerb(console),
        new CalibrateVerb(console),
        new QuantizeVerb(console),
        new FinetuneVerb(console),
        new MergeVerb(console),
        new ExportVerb(console),
        new ConvertVerb(console),
        new EvaluateVerb(console),
        new GenerateVerb(console),
        new ChatVerb(console));
  }
}
