"""Runs Fettle: the command line as a user would, and FettleNumbers for what it computes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import safetensors.torch

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


class Refused(Exception):
    """Fettle ended with an error; the text is its message."""


def run(*arguments):
    """One verb; returns its `--json` answer."""
    command = [str(REPOSITORY / "fettle"), *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Try: ")]
        raise Refused(said[-1] if said else f"exit code {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def java_home():
    done = subprocess.run(
        [str(REPOSITORY / "fettle"), "--version"], capture_output=True, text=True,
        env={**os.environ, "FETTLE_JAVA_OPTS": "-XshowSettings:properties"})
    found = re.search(r"^\s*java\.home = (.+)$", done.stderr + done.stdout, re.MULTILINE)
    if not found:
        sys.exit(f"./fettle --version does not start: {done.stderr[-500:]}")
    return Path(found.group(1))


class Numbers:
    """What Fettle computes, for many models in one process: `add` them, `compute`, then ask for results by name."""

    def __init__(self, folder):
        self.folder = folder
        self.jobs = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name, model, adapter, ids, texts):
        self.jobs.append({
            "name": name, "model": str(model), "adapter": None if adapter is None else str(adapter), "ids": ids, "texts": texts})

    def compute(self):
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text("".join(json.dumps(job) + "\n" for job in self.jobs))
        java = java_home() / "bin/java"  # which builds, if the sources are newer
        app = REPOSITORY / ".fettle" / (REPOSITORY / ".fettle/current").read_text().strip()
        command = [
            str(java), "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0", "-Dorg.bytedeco.javacpp.nopointergc=true",
            "-cp", (app / "classpath").read_text().strip(), str(HERE / "FettleNumbers.java"), str(self.folder), str(jobs)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"FettleNumbers failed:\n{done.stderr[-3000:]}")

    def of(self, name):
        """Logits [tokens, vocabulary] and the dequantized weights."""
        error = self.folder / f"{name}.error"
        if error.exists():
            raise Refused(error.read_text())
        tensors = safetensors.torch.load_file(self.folder / f"{name}.safetensors")
        return tensors.pop("logits"), tensors

    def tokens(self, name):
        return json.loads((self.folder / f"{name}.json").read_text())["tokens"]
