"""What a linkage with blocking has lost, where comparing every pair takes too long to hold it against.

    seen.py BOROUGH FILTERS LINKED

BOROUGH is what "cohortlink synth" wrote, FILTERS the folder of the parties' filters (plain, not sealed) and maps, LINKED what
"link" made of them. Of the pairs of records of one person in two parties that score the threshold or more, prints how many there are,
the share that was not found, and the share whose records are not one person in the end. Needs numpy 2, pandas and pyarrow.
"""
import csv
import glob
import io
import json
import os
import sys

import numpy
import pandas


def filters(path):
    """Record IDs and filters of a file (formats/SPEC.md)."""
    with open(path, "rb") as f:
        f.readline()
        f.readline()
        manifest = json.loads(f.readline())
        words = [(x["bits"] + 63) // 64 for x in manifest["filters"]]
        row = [("id", "u1", 16), ("bits", "<u8", words[0]), ("rest", "u1", 8 * sum(words[1:]) + 16 * len(manifest["exact"]) + 2 * len(manifest["needs"]))]
        rows = numpy.fromfile(f, numpy.dtype(row), manifest["records"])
    return ["r" + x.tobytes().hex() for x in rows["id"]], rows["bits"]


def own_numbers(path):
    """The record number of each row of an extract, which is its first column."""
    with open(path, "rb") as f:
        text = f.read().decode("utf-8-sig", "replace")
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(",;\t|", key=head.count))
    next(rows)
    return [row[0].strip() for row in rows]


def main():
    borough, folder, linked = sys.argv[1:]
    with open(linked + "/manifest.json") as f:
        num, den = map(int, json.load(f)["threshold"]["value"].split("/"))
    truth = pandas.read_csv(borough + "/truth.csv", usecols=["entity", "party", "rid"], dtype=str)
    entity = dict(zip(zip(truth.party, truth.rid), truth.entity))
    ids, bits, parties, entities = [], [], [], []
    for path in sorted(glob.glob(folder + "/*.filters")):
        party = os.path.basename(path)[: -len(".filters")]
        own = own_numbers(glob.glob(os.path.join(borough, party, "extract.*"))[0])
        rows = pandas.read_csv(path[: -len(".filters")] + ".map.csv")
        of = {record: entity[party, own[row - 1]] for row, record in zip(rows.row, rows.record_id)}
        names, filter = filters(path)
        ids += names
        bits.append(filter)
        parties += [party] * len(names)
        entities += [of[name] for name in names]
    bits = numpy.concatenate(bits)
    ones = numpy.bitwise_count(bits).sum(1, dtype=numpy.int64)
    records = pandas.DataFrame({"entity": entities, "party": parties, "n": range(len(ids))})
    pairs = records.merge(records, on="entity")
    pairs = pairs[(pairs.n_x < pairs.n_y) & (pairs.party_x != pairs.party_y)]
    a, b = pairs.n_x.to_numpy(), pairs.n_y.to_numpy()
    common = numpy.concatenate([numpy.bitwise_count(bits[a[i : i + 100000]] & bits[b[i : i + 100000]]).sum(1, dtype=numpy.int64) for i in range(0, len(a), 100000)])
    at = (common > 0) & (2 * common * den >= num * (ones[a] + ones[b]))
    found = pandas.read_parquet(linked + "/pairs.parquet", columns=["record_a", "record_b"])
    found = set(zip(found.record_a, found.record_b))
    people = pandas.read_parquet(linked + "/people.parquet")
    person = dict(zip(people.record_id, people.person_id))
    lost = apart = 0
    for i, j in zip(a[at], b[at]):
        x, y = ids[i], ids[j]
        lost += (x, y) not in found and (y, x) not in found
        apart += person[x] != person[y]
    print("true pairs at the threshold  %d of %d, lost %.4f, not one person %.4f" % (at.sum(), len(a), lost / at.sum(), apart / at.sum()))


main()
