"""Rows of the proof and the table they make."""

from dataclasses import dataclass


@dataclass
class Row:
    """One file loaded by one tool.

    weights: largest difference between the numbers that Fettle and the tool make of the packed weights, or None where
    there are none to compare; they must be the same floats.
    logits: largest difference between Fettle's logits and the tool's for the same file, and `bound` with its reason.
    """

    format: str
    writer: str
    reader: str
    weights: float | None = None
    logits: float | None = None
    bound: float | None = None
    reason: str = ""
    problem: str = ""

    @property
    def ok(self):
        return not self.problem and (self.weights is None or self.weights == 0) and (self.logits is None or self.logits <= self.bound)

    def cells(self, reasons):
        number = lambda value: "" if value is None else "0" if value == 0 else f"{value:.1e}"
        note = f" [{reasons.index(self.reason) + 1}]" if self.reason else ""
        return [
            self.format, self.writer, self.reader, number(self.weights), number(self.logits), number(self.bound) + note,
            "ok" if self.ok else f"FAIL {self.problem}".strip()]


HEADER = ["format", "written by", "loaded by", "weights differ by", "logits differ by", "bound", ""]


def reasons(rows):
    return list(dict.fromkeys(row.reason for row in rows if row.reason))


def text(rows):
    lines = [HEADER, *(row.cells(reasons(rows)) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([body[0], "-" * sum(widths), *body[1:], "", *notes(rows)])


def notes(rows):
    return [f"[{i}] {reason}" for i, reason in enumerate(reasons(rows), 1)]


def markdown(rows):
    line = lambda cells: "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    body = [line(row.cells(reasons(rows))) for row in rows]
    return "\n".join([line(HEADER), "|" + "---|" * len(HEADER), *body, "", *(f"{note}  " for note in notes(rows))])
