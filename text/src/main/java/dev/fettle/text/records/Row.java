package dev.fettle.text.records;

import tools.jackson.databind.node.ObjectNode;

/// One row of a data file.
///
/// @param columns values by the file's own column names
/// @param number of the line it starts in, or of the row, from 1; see [RowFormat#unit]
public record Row(ObjectNode columns, long number) {}
