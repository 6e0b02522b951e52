"""The files of the proof: which verbs and tools write them, and who is to load them."""

import re
from dataclasses import dataclass
from pathlib import Path

import fettle
import readers
import subjects
import table


@dataclass(frozen=True)
class Case:
    name: str
    format: str
    writer: str
    readers: list
    model: Path
    adapter: Path | None = None


class Bench:
    """Collects cases; what could not be written becomes a failed row."""

    def __init__(self, folder, only, say):
        self.folder, self.only, self.say = folder, only, say
        self.cases, self.failed = [], []
        subject = folder / "subjects"
        self.bfloat16 = subjects.embedded(subject / "llama-bfloat16")
        self.float32 = subjects.float32(subject / "llama-float32")
        self.qwen2 = subjects.qwen2(subject / "qwen2-float32")
        self.ids = subjects.token_rows(self.bfloat16)
        self.numbers = fettle.Numbers(folder / "numbers")

    def add(self, format, writer, readers, write, model=None):
        """One file: `write(folder)` makes it, a model unless `model` says which one the adapter it makes is for."""
        name = re.sub("[^a-z0-9]+", "-", f"{writer} {format}".lower()).strip("-")
        if self.only not in name:
            return None
        output = self.folder / "files" / name
        output.parent.mkdir(exist_ok=True)
        self.say(f"{writer} writes {name}")
        try:
            made = write(output) or output
        except Exception as e:
            problem = f"{writer}: {e}" if isinstance(e, fettle.Refused) else f"{type(e).__name__}: {e}"
            self.failed.append(table.Row(format, writer, "", problem=problem.splitlines()[0]))
            return None
        case = Case(name, format, writer, readers, *((made, None) if model is None else (model, made)))
        self.cases.append(case)
        self.numbers.add(name, case.model, case.adapter, self.ids, subjects.TEXTS)
        return case

    def find(self, name):
        """The case of that name, or None where it was not asked for or could not be written."""
        return next((case for case in self.cases if case.name == name), None)
