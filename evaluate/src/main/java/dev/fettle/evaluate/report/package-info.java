/// One self-contained HTML page from plain records: tables, line plots, bars, histograms. No
/// script, no network, light and dark by the reader's setting; plots are SVG written here. What is
/// measured is not this package's business.
@NullMarked
package dev.fettle.evaluate.report;

import org.jspecify.annotations.NullMarked;
