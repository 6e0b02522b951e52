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
    model: Path  # and adapter: what Fettle loads
    adapter: Path | None = None
    file: Path | None = None  # GGUF model and adapter that llama.cpp loads instead of these
    file_adapter: Path | None = None


def name_of(format, writer):
    return re.sub("[^a-z0-9]+", "-", f"{writer} {format}".lower()).strip("-")


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
        made = self.write(format, writer, write)
        if made is None:
            return None
        return self.compare(Case(name_of(format, writer), format, writer, readers, *((made, None) if model is None else (model, made))))

    def add_pair(self, format, writer, readers, write, folders, base):
        """A GGUF adapter that llama.cpp loads on the GGUF model of `base`; Fettle computes with the folders it is made of."""
        made = self.write(format, writer, write)
        if made is not None:
            self.compare(Case(
                name_of(format, writer), format, writer, readers, folders.model, folders.adapter, file=base.model, file_adapter=made))

    def write(self, format, writer, write):
        """What `write(folder)` returns or, if that is None, the folder; None where it failed or is not asked for."""
        name = name_of(format, writer)
        if not re.search(self.only, name):
            return None
        output = self.folder / "files" / name
        output.parent.mkdir(exist_ok=True)
        self.say(f"{writer} writes {name}")
        try:
            return write(output) or output
        except Exception as e:
            self.fail(format, writer, e)
            return None

    def fail(self, format, writer, error):
        self.say(f"failed: {error}")
        problem = f"{writer}: {error}" if isinstance(error, fettle.Refused) else f"{type(error).__name__}: {error}"
        self.failed.append(table.Row(format, writer, "", problem=problem.splitlines()[0]))

    def compare(self, case):
        self.cases.append(case)
        self.numbers.add(case.name, case.model, case.adapter, self.ids, subjects.TEXTS)
        return case

    def find(self, name):
        """The case of that name, or None where it was not asked for or could not be written."""
        return next((case for case in self.cases if case.name == name), None)
