"""The proof that what Fettle writes loads in the tools of the field and means the same there, and the other way round.

    python interop.py WORK_FOLDER [--document] [--only REGEX]

Makes models, has Fettle and the tools write them in every format, loads each file with Fettle and with every tool that
claims its format, compares the unpacked weights and the logits, and prints one table. Exit code 1 if a row fails.
"""

import argparse
import os
import re
import shutil
import sys
import time
import traceback
from pathlib import Path

STDOUT = os.dup(1)
os.dup2(2, 1)  # the tools print banners when they are imported; standard output is for the table

import families
import fettle
import hub
import table
import written_by_fettle
import written_by_tools
from bench import Bench
from subjects import TEXTS

DOCUMENT = fettle.REPOSITORY / "docs/interoperability.md"
BEGIN, END = "<!-- table: made by tools/interop/run -->", "<!-- end of the table -->"


def prove(case, reader, numbers, ids):
    """The row of one file and one tool."""
    row = table.Row(case.format, case.writer, reader.name, bound=reader.bound, reason=reader.reason)
    try:
        expected, unpacked = numbers.of(case.name)
        logits, weights = reader.read(case, ids)
        row.weights = reader.weight_difference(unpacked, weights)
        row.logits = reader.logit_difference(expected, logits)
        if reader.tokens and reader.tokens(case, TEXTS) != numbers.tokens(case.name):
            row.problem = "other token ids"
    except fettle.Refused as e:
        row.problem = f"Fettle: {e}"
    except Exception as e:
        traceback.print_exc()
        row.problem = f"{type(e).__name__}: {e}".splitlines()[0]
    return row


def write_document(rows):
    content = DOCUMENT.read_text()
    made = f"{BEGIN}\n\n{table.markdown(rows)}\n\n{END}"
    DOCUMENT.write_text(re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: made, content, flags=re.DOTALL))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--document", action="store_true", help=f"write the table into {DOCUMENT.name} as well")
    parser.add_argument("--only", default="", metavar="REGEX", help="only files in whose name this is found")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    start = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - start:4.0f} s] {text}", file=sys.stderr, flush=True)

    made = Bench(arguments.folder, arguments.only, say)
    written_by_fettle.add_all(made)
    written_by_tools.add_all(made)
    hub.add_all(made)
    families.add_all(made)
    say("Fettle computes")
    made.numbers.compute()
    rows = list(made.failed)
    for case in made.cases:
        for reader in case.readers:
            say(f"{case.name}: {reader.name}")
            rows.append(prove(case, reader, made.numbers, made.ids))
    failed = sum(not row.ok for row in rows)
    with open(STDOUT, "w") as out:
        print(f"{table.text(rows)}\n\n{len(rows)} rows, {failed} failed, {time.monotonic() - start:.0f} s", file=out)
    if arguments.document:
        write_document(rows)
    sys.exit(1 if failed or not rows else 0)


main()
