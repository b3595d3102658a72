#!/usr/bin/env python3
"""What clear text reaches on an invented borough, with a threshold that knows the truth.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy==2.4.6 rapidfuzz==3.14.6 PyYAML==6.0.3 scipy==1.17.1
    /tmp/venv/bin/python cleartext.py FOLDER        a folder that "cohortlink synth" (or measure.sh) wrote

It is what a linkage of names and numbers in the clear is held against. What is done:

1. Cells are cleaned: names to letters A-Z without accents, dates to eight digits by the party's form, ZZ99 postcodes,
   NHS numbers with a wrong check digit and "BABY" and the like missing.
2. Candidates are pairs of records of different parties that agree on any of the keys of BLOCKS. The share of true
   pairs among them is printed; a pair that is no candidate counts as missed.
3. Each pair is scored in two ways. "mean": the mean, over the fields that both hold, of Jaro-Winkler (names, taken
   straight or crossed, whichever is more alike), the share of equal parts (date, postcode) and equality (sex, NHS
   number), with the weights of WEIGHTS. "bits": the sum of log2(m/u) of the level of agreement on each field
   (Fellegi and Sunter, JASA 1969), m and u counted from the truth of this very borough, which no real linkage has.
4. For each, the threshold is the one whose F1 is highest with the truth in hand, and is chosen for all pairs and for
   complete pairs apart. "pairs" are scored as they are; "persons" after joining records connected by them, as
   linkage does, with the best of 61 thresholds: those that half to 1.1 times as many pairs reach as are true.

It is not given: that some parties hold each person once, which cohortlink uses.
"""

import csv
import datetime
import pathlib
import re
import sys
import unicodedata

import numpy as np
import yaml
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cpdist
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

WEIGHTS = {"name": 2.0, "date": 1.5, "sex": 0.25, "postcode": 0.75, "nhs": 2.0}
LARGEST_BLOCK = 1000  # records; a larger one says little and costs much
FORMS = {"DD/MM/YYYY": "%d/%m/%Y", "YYYY-MM-DD": "%Y-%m-%d", "YYYYMMDD": "%Y%m%d", "D MMM YYYY": "%d %b %Y", "DD MM YYYY": "%d %m %Y"}
NOT_NAMES = {"BABY", "UNKNOWN", "TEST", "INFANT", "TWIN", "NOTKNOWN", "BABYBOY", "BABYGIRL"}


def name(cell):
    text = unicodedata.normalize("NFKD", cell).upper()
    text = re.sub(r"\b(MR|MRS|MS|MISS|DR|JR|SR|JNR|SNR)\b\.?", "", text)
    text = re.sub(r"[^A-Z]", "", text)
    return "" if text in NOT_NAMES else text


def date(cell, form):
    try:
        return datetime.datetime.strptime(cell.strip(), FORMS[form]).strftime("%Y%m%d")
    except ValueError:
        return ""


def sex(cell):
    return {"1": "M", "2": "F"}.get(cell.strip(), cell.strip().upper()[:1].replace("0", "").replace("9", "").replace("U", ""))


def postcode(cell):
    text = re.sub(r"[^A-Z0-9]", "", cell.upper())
    return "" if text.startswith("ZZ99") or len(text) < 5 else text


def nhs(cell):
    text = re.sub(r"\D", "", cell)
    if len(text) != 10:
        return ""
    check = (11 - sum(int(d) * (10 - i) for i, d in enumerate(text[:9])) % 11) % 11
    return text if check == int(text[9]) else ""


def read(folder):
    project = yaml.safe_load((folder / "project.yaml").read_text())
    truth = {}
    for row in csv.DictReader(open(folder / "truth.csv", encoding="utf-8")):
        truth[row["party"], row["rid"]] = row["entity"]
    rows = []
    for n, (party, own) in enumerate(project["parties"].items()):
        path = folder / party / "extract.csv"
        delimiter = {"tab": "\t"}.get(own.get("delimiter"), own.get("delimiter", ","))
        with open(path, encoding={"windows-1252": "cp1252"}.get(own.get("text"), "utf-8-sig"), newline="") as f:
            for row in csv.DictReader(f, delimiter=delimiter):
                def cell(field):
                    columns = own["columns"].get(field, [])
                    return " ".join(row[c] for c in ([columns] if isinstance(columns, str) else columns))

                rid = next(c for c in row.values() if (party, c) in truth)
                rows.append((n, truth[party, rid], name(cell("forename")), name(cell("surname")), date(cell("birth_date"), own["dates"]),
                             sex(cell("sex")), postcode(cell("postcode")), nhs(cell("nhs_number"))))
    return rows


# Keys of a record (forename, surname, date, postcode, NHS number); a key with an empty part finds nobody.
BLOCKS = [
    lambda f, s, d, p, n: (n,),
    lambda f, s, d, p, n: (d,),
    lambda f, s, d, p, n: (p,),
    lambda f, s, d, p, n: (s, f[:2]),
    lambda f, s, d, p, n: (f, d[:4]),
    lambda f, s, d, p, n: (s, d[:4]),
    lambda f, s, d, p, n: (f[:3], s[:3]),
    lambda f, s, d, p, n: (f[:3], d[4:]),
    lambda f, s, d, p, n: (s[:3], d[4:]),
    lambda f, s, d, p, n: (f[:2], d[:6]),
    lambda f, s, d, p, n: (s[:2], d[:6]),
    lambda f, s, d, p, n: (s[:2], f[:2], d[6:]),
    lambda f, s, d, p, n: tuple(sorted((f, s))),
    lambda f, s, d, p, n: (f, p[:-2]),
    lambda f, s, d, p, n: (s, p[:-2]),
]


def candidates(rows):
    """Pairs a < b of different parties as a * len(rows) + b, each once, in order."""
    party = np.array([r[0] for r in rows])
    found = []
    for key in BLOCKS:
        block = {}
        for i, (_, _, f, s, d, _, p, n) in enumerate(rows):
            k = key(f, s, d, p, n)
            if all(k):
                block.setdefault(k, []).append(i)
        of = []
        for members in block.values():
            if 1 < len(members) <= LARGEST_BLOCK:
                m = np.array(members)
                a, b = np.triu_indices(len(m), 1)
                a, b = m[a], m[b]
                of.append((a * len(rows) + b)[party[a] != party[b]])
        if of:
            found.append(np.unique(np.concatenate(of)))
    return np.unique(np.concatenate(found))


def similarities(rows, a, b):
    """By field: similarity 0 to 1 of each pair, nan where one of the two lacks it; sex and NHS number 0 or 1."""
    column = [np.array([r[k] for r in rows], dtype=object) for k in range(8)]
    held = [np.array([r[k] != "" for r in rows]) for k in range(8)]

    def both(k):
        return held[k][a] & held[k][b]

    def winkler(x, y):
        # Names come again and again: each two are compared once.
        words, at = np.unique(np.concatenate([column[2], column[3]]).astype(str), return_inverse=True)
        n = len(rows)
        i, j = at[(x - 2) * n + a].astype(np.int64), at[(y - 2) * n + b].astype(np.int64)
        pair, back = np.unique(i * len(words) + j, return_inverse=True)
        return cpdist(words[pair // len(words)].tolist(), words[pair % len(words)].tolist(), scorer=JaroWinkler.similarity, dtype=np.float32, workers=2)[back]

    f, s = winkler(2, 2), winkler(3, 3)
    crossed_f, crossed_s = winkler(2, 3), winkler(3, 2)
    cross = both(2) & both(3) & (crossed_f + crossed_s > f + s)
    f[cross], s[cross] = crossed_f[cross], crossed_s[cross]
    f[~both(2)], s[~both(3)] = np.nan, np.nan

    def parts(k, cuts):
        same = np.zeros(len(a), dtype=np.float32)
        for cut in cuts:
            _, at = np.unique(np.array([r[k][cut] for r in rows]), return_inverse=True)
            same += at[a] == at[b]
        same /= len(cuts)
        same[~both(k)] = np.nan
        return same

    return {"forename": f, "surname": s, "date": parts(4, [slice(0, 4), slice(4, 6), slice(6, 8)]), "sex": parts(5, [slice(None)]),
            "postcode": parts(6, [slice(None), slice(0, -2), slice(0, -3)]), "nhs": parts(7, [slice(None)])}, cross


def mean_score(sims):
    top = np.zeros(len(sims["nhs"]), dtype=np.float32)
    weights = np.zeros_like(top)
    for field, sim in sims.items():
        w = WEIGHTS.get(field, WEIGHTS["name"])
        held = ~np.isnan(sim)
        top[held] += w * sim[held]
        weights[held] += w
    return top / np.maximum(weights, 1e-9)


def bits_score(sims, cross, same):
    score = np.zeros(len(same), dtype=np.float32)
    for field, sim in sims.items():
        if field in ("forename", "surname"):
            level = 1 + np.digitize(sim, [0.7, 0.8, 0.88, 0.94, 0.99999])
        else:
            level = 1 + np.round(np.nan_to_num(sim) * 3).astype(int)
        level[np.isnan(sim)] = 0
        level[cross & (field in ("forename", "surname")) & (level > 0)] += 6
        n = level.max() + 1
        m = (np.bincount(level[same], minlength=n) + 0.5) / (same.sum() + 1)
        u = (np.bincount(level[~same], minlength=n) + 0.5) / ((~same).sum() + 1)
        score += np.log2(m / u)[level].astype(np.float32)
    return score


def best_pairs(score, same, total):
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(same[order])
    linked = np.arange(1, len(order) + 1)
    last = np.append(score[order][1:] != score[order][:-1], True)  # a threshold cannot part equal scores
    f1 = np.where(last, 2 * right / (linked + total), 0)
    k = int(np.argmax(f1))
    return right[k] / linked[k], right[k] / total, f1[k]


def pairs_across(group, party):
    """Pairs of one group and different parties."""
    def pairs(key):
        n = np.unique(key, return_counts=True)[1].astype(np.int64)
        return int((n * (n - 1) // 2).sum())

    return pairs(group) - pairs(group * (party.max() + 1) + party)


def best_persons(score, a, b, entity, party, keep):
    best = (0, 0, 0)
    total = pairs_across(entity[keep], party[keep])
    downwards = -np.sort(-score)
    for share in np.linspace(0.5, 1.1, 61):
        on = score >= downwards[min(int(share * total), len(score) - 1)]
        n, person = connected_components(coo_matrix((np.ones(on.sum(), dtype=bool), (a[on], b[on])), shape=(len(entity),) * 2), directed=False)
        person = person[keep].astype(np.int64)
        linked = pairs_across(person, party[keep])
        right = pairs_across(person * (entity.max() + 1) + entity[keep], party[keep])
        if linked and 2 * right / (linked + total) > best[2]:
            best = (right / linked, right / total, 2 * right / (linked + total))
    return best


def main():
    rows = read(pathlib.Path(sys.argv[1]))
    party = np.array([r[0] for r in rows], dtype=np.int64)
    entity = np.unique([r[1] for r in rows], return_inverse=True)[1].astype(np.int64)
    key = candidates(rows)
    a, b = key // len(rows), key % len(rows)
    same = entity[a] == entity[b]
    sims, cross = similarities(rows, a, b)
    complete = np.array([bool(r[2] and r[3] and r[4] and (r[6] or r[7])) for r in rows])
    everyone = np.ones(len(rows), dtype=bool)
    total = pairs_across(entity, party)
    print(f"{len(rows):,} records, {len(key):,} candidates, which hold {same.sum() / total:.4%} of {total:,} true pairs")
    print(f"{'':30}{'precision':>10}{'recall':>9}{'F1':>9}")
    for way, score in ("mean", mean_score(sims)), ("bits", bits_score(sims, cross, same)):
        for label, keep in ("pairs", everyone), ("complete pairs", complete):
            of = keep[a] & keep[b]
            p, r, f = best_pairs(score[of], same[of], pairs_across(entity[keep], party[keep]))
            print(f"{label + ', ' + way:30}{p:10.4f}{r:9.4f}{f:9.4f}")
            p, r, f = best_persons(score, a, b, entity, party, keep)
            print(f"{label + ', ' + way + ', persons':30}{p:10.4f}{r:9.4f}{f:9.4f}", flush=True)


main()
