"""Invents candidate pairs among five parties, writes them for main.go and times anonlink's greedy solver on them.

    greedy.py PEOPLE PAIRS FILE

Each of PEOPLE has a record in every party; their ten pairs each score 0.7 and more, and strangers' pairs 0.7 to 0.85, as
many as are missing to PAIRS. FILE has five columns one after the other, little-endian, best pair first: the two parties and
the two rows as 32-bit integers, the scores as 64-bit floats.
"""
import array
import sys
import time

import numpy as np
from anonlink.solving import greedy_solve


def invent(people, pairs):
    rng = np.random.default_rng(1)
    columns = []
    everybody = np.arange(people)
    for a in range(5):
        for b in range(a + 1, 5):
            columns.append((np.full(people, a), np.full(people, b), everybody, everybody, rng.beta(20, 2, people) * 0.3 + 0.7))
    # Strangers, each pair once.
    extra = pairs - 10 * people
    a, b = rng.integers(0, 5, (2, 3 * extra))
    i, j = rng.integers(0, people, (2, 3 * extra))
    distinct = np.unique(((a * 5 + b) * people + i) * people + j, return_index=True)[1]
    kept = rng.permutation(distinct[(a[distinct] < b[distinct]) & (i[distinct] != j[distinct])])[:extra]
    a, b, i, j = a[kept], b[kept], i[kept], j[kept]
    columns.append((a, b, i, j, 0.7 + 0.15 * rng.random(len(a)) ** 2))
    assert len(a) == extra
    a, b, i, j, score = (np.concatenate(x) for x in zip(*columns))
    order = np.lexsort((j, i, b, a, -score))
    return a[order], b[order], i[order], j[order], score[order]


people, pairs, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
a, b, i, j, score = invent(people, pairs)
with open(path, "wb") as f:
    for column in a, b, i, j:
        f.write(column.astype("<i4").tobytes())
    f.write(score.astype("<f8").tobytes())


def unsigned(column):
    return array.array("I", column.astype("u4").tobytes())


candidates = array.array("d", score.tobytes()), (unsigned(a), unsigned(b)), (unsigned(i), unsigned(j))
start = time.process_time()
groups = greedy_solve(candidates)
print(f"anonlink greedy_solve: {len(groups)} groups, {time.process_time() - start:.2f} s of CPU")
