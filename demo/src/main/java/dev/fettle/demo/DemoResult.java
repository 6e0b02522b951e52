package dev.fettle.demo;

import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// What the demo found.
///
/// @param table lines of text, ready to print
/// @param verdict one sentence: whether fine-tuning helped
/// @param samples some questions with the answers before and after, ready to print
/// @param next what to try with a real model, ready to print
/// @param html the report
/// @param json the report's data
/// @param improved whether every fine-tuned model answered more questions than the base
/// @param baseAccuracy share of right answers before
/// @param bestAccuracy share of right answers of the best fine-tuned model
/// @param seconds of the whole demo
public record DemoResult(
    List<String> table,
    String verdict,
    List<String> samples,
    List<String> next,
    Path html,
    ObjectNode json,
    boolean improved,
    double baseAccuracy,
    double bestAccuracy,
    double seconds) {}
