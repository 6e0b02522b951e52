"""Writes GGUF files with gguf-py for the test of the container: every kind of metadata value, plain
and block tensors, the usual and another alignment. The content is fixed; needs only gguf and numpy.
"""

from pathlib import Path

import numpy
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter
from gguf.quants import quantize

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "checkpoint" / "src" / "test" / "resources" / "golden"


def floats(*shape):
    """x(n)[i] = (((i * 37) mod 101) - 50) / 50 as float32."""
    i = numpy.arange(numpy.prod(shape), dtype=numpy.int64)
    return (((i * 37) % 101 - 50) / 50).astype(numpy.float32).reshape(shape)


def metadata(writer):
    writer.add_string("general.name", "Fettle – Prüfstück")
    writer.add_uint8("test.u8", 255)
    writer.add_int8("test.i8", -128)
    writer.add_uint16("test.u16", 65535)
    writer.add_int16("test.i16", -32768)
    writer.add_uint32("test.u32", 4294967295)
    writer.add_int32("test.i32", -2147483648)
    writer.add_uint64("test.u64", 2**64 - 1)
    writer.add_int64("test.i64", -(2**63))
    writer.add_float32("test.f32", 0.1)
    writer.add_float64("test.f64", 0.1)
    writer.add_bool("test.true", True)
    writer.add_bool("test.false", False)
    writer.add_array("test.strings", ["", "a", "\u2581the", "\U0001f999"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.5])
    writer.add_array("test.bools", [True, False, True])
    writer.add_key_value("test.bytes", b"\x00\x7f\xff", GGUFValueType.ARRAY)


def tensors(writer):
    writer.add_tensor("matrix.f32", floats(3, 5))
    writer.add_tensor("vector.f16", floats(7).astype(numpy.float16))
    writer.add_tensor("bytes.i8", numpy.arange(-3, 4, dtype=numpy.int8))
    writer.add_tensor("cube.i32", numpy.arange(12, dtype=numpy.int32).reshape(2, 2, 3))
    writer.add_tensor("blocks.q8_0", quantize(floats(2, 64), GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.add_tensor("blocks.q4_0", quantize(floats(3, 32), GGMLQuantizationType.Q4_0), raw_dtype=GGMLQuantizationType.Q4_0)
    writer.add_tensor("floats.bf16", quantize(floats(2, 3), GGMLQuantizationType.BF16), raw_dtype=GGMLQuantizationType.BF16)


def write(name, alignment=None):
    FOLDER.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(FOLDER / name, "test")
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    metadata(writer)
    tensors(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write("container.gguf")
    write("container-aligned-128.gguf", alignment=128)
