"""Writes small Parquet files with pyarrow, and what they hold as JSON lines.

    python make_parquet.py parquet/src/test/resources/parquet

Versions: pyarrow as in requirements.txt. Nothing is random.
"""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)

pairs = [
    {"prompt": f"What is {i} + {i}?", "completion": str(2 * i) if i % 5 else "zehn € \U0001F600", "level": i % 3}
    for i in range(12)
]
pairs[7]["level"] = None

chats = [
    {
        "id": i,
        "messages": [
            {"role": "system", "content": "Be brief.", "tags": []},
            {"role": "user", "content": f"Say {i}", "tags": ["a", None, "b"][: i + 1]},
            {"role": "assistant", "content": f"{i}", "tags": None},
        ][i % 2 :],
        "meta": {"score": i / 4, "good": i % 2 == 0} if i else None,
    }
    for i in range(5)
]


def write(name, rows, schema=None, **options):
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, folder / f"{name}.parquet", **options)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
    (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


write("pairs-plain", pairs, compression="none", use_dictionary=False)
write("pairs-snappy", pairs, compression="snappy", use_dictionary=True)
write("pairs-zstd", pairs, compression="zstd", row_group_size=5)
write("pairs-gzip", pairs, compression="gzip", data_page_version="2.0")
write("pairs-delta", pairs, compression="none", use_dictionary=False,
      column_encoding={"prompt": "DELTA_BYTE_ARRAY", "completion": "DELTA_LENGTH_BYTE_ARRAY",
                       "level": "DELTA_BINARY_PACKED"}, version="2.6")
write("pairs-large", pairs, schema=pa.schema([("prompt", pa.large_string()),
      ("completion", pa.large_string()), ("level", pa.int8())]), compression="snappy")
write("chats-snappy", chats, compression="snappy", row_group_size=2)
write("chats-zstd", chats, compression="zstd", data_page_version="2.0")
write("empty", [], schema=pa.schema([("text", pa.string())]))
