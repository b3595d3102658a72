"""Writes the same invented table through other programs, for TestExtractOfOtherPrograms.

Run in this folder with pyarrow, polars and duckdb installed (made with 26.0.1, 2.1.0 and 2.0.0):

    python make.py

What the rows must read as is in rows.csv, which is written by hand and not by this script.
"""

import datetime as dt
import decimal
import glob
import os

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

for old in glob.glob("*.parquet") + glob.glob("*.arrow*") + glob.glob("*.feather"):
    os.remove(old)

D = decimal.Decimal
table = pa.table(
    {
        "id": pa.array([7, 8, 9, 10], pa.int64()),
        "nhs": pa.array([9990000018.0, None, 9990000026.0, float("nan")], pa.float64()),
        "forename": pa.array(["Zoë", "D'Arcy", None, 'Ann "Nan", Lee'], pa.string()),
        "born": pa.array([dt.date(1931, 2, 28), None, dt.date(2000, 2, 29), dt.date(1969, 12, 31)], pa.date32()),
        "seen": pa.array(
            [dt.datetime(2019, 3, 31), dt.datetime(1969, 12, 31, 23, 59, 58), dt.datetime(2020, 1, 2, 3, 4, 5, 60000), None],
            pa.timestamp("us"),
        ),
        "alive": pa.array([True, False, None, True], pa.bool_()),
        "due": pa.array([D("12.50"), D("-0.05"), D("7.00"), None], pa.decimal128(9, 2)),
        "ward": pa.array(["North", "South", "North", None], pa.string()).dictionary_encode(),
        "tiny": pa.array([200, None, 0, 255], pa.uint8()),
        "share": pa.array([0.1, -2.0, None, 1e-9], pa.float32()),
    }
)

pq.write_table(table, "pyarrow-snappy.parquet")
pq.write_table(table, "pyarrow-v2-zstd.parquet", compression="zstd", data_page_version="2.0", version="2.6")
pq.write_table(table, "pyarrow-gzip-plain.parquet", compression="gzip", use_dictionary=False, row_group_size=3)
pq.write_table(table, "pyarrow-brotli-int96.parquet", compression="brotli", use_deprecated_int96_timestamps=True)
pq.write_table(
    table,
    "pyarrow-delta.parquet",
    compression="none",
    use_dictionary=False,
    column_encoding={
        "id": "DELTA_BINARY_PACKED",
        "forename": "DELTA_BYTE_ARRAY",
        "ward": "DELTA_LENGTH_BYTE_ARRAY",
        "alive": "RLE",
    },
)
pq.write_table(table, "pyarrow-lz4.parquet", compression="lz4")  # refused by name

feather.write_feather(table, "pyarrow-lz4.feather", compression="lz4", chunksize=3)
feather.write_feather(table, "pyarrow-zstd.feather", compression="zstd")
with ipc.new_file("pyarrow.arrow", table.schema) as w:
    w.write_table(table, max_chunksize=2)
with ipc.new_stream("pyarrow.arrows", table.schema) as w:
    w.write_table(table, max_chunksize=2)
large = table.set_column(2, "forename", table["forename"].cast(pa.large_string()))
with ipc.new_stream("pyarrow-large.arrows", large.schema) as w:
    w.write_table(large)
# Batches with dictionaries of their own: a replacement in the second one.
ward = lambda *v: pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(v))
with ipc.new_stream("pyarrow-replaced.arrows", pa.schema([("ward", ward("a", "b").type)])) as w:
    for v in (("East", "West"), ("North", "South")):
        w.write_batch(pa.record_batch([ward(*v)], names=["ward"]))

df = pl.from_arrow(table)
df.write_parquet("polars.parquet")
df.write_ipc("polars.arrow")
extract = table  # DuckDB finds it by its name
duckdb.sql("COPY (FROM extract) TO 'duckdb.parquet' (FORMAT parquet)")
duckdb.sql("COPY (FROM extract) TO 'duckdb-v2.parquet' (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd)")

nested = pa.table({"id": pa.array([1]), "notes": pa.array([["a", "b"]])})
pq.write_table(nested, "nested.parquet")
feather.write_feather(nested, "nested.feather")
