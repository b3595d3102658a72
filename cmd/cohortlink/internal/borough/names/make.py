#!/usr/bin/env python3
"""Makes tables.txt.gz, the name tables of the invented borough, from the reference files.

    python3 make.py ../../../../../../shared/data/reference

Reads firstname_uk.csv, firstname_uk_variant.csv, lastname_uk.csv, lastname_uk_variant.csv, nicknames.csv there, and ranks.txt and
cultures.txt here. README.md names the sources and licences. The output depends on nothing else, so that it can be made again and compared.

Lines of the table, one list a line, tab between its three columns; an entry is `name weight`, entries separated by commas, weights in
millionths of the list (a list need not add up to a million: names under one millionth are left out):

    forename CULTURE SEX COHORT    name weight,...
    surname CULTURE                name weight,...
    forename-variant NAME          other weight,...
    surname-variant NAME           other weight,...
"""
import collections, csv, gzip, math, os, sys

ref, here = sys.argv[1], os.path.dirname(os.path.abspath(__file__))

def rows(name):
    with open(os.path.join(ref, name), newline="", encoding="utf-8") as f:
        yield from csv.DictReader(f)

def listed(name):
    with open(os.path.join(here, name), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#") and line.strip():
                yield line.split()

# Popularity in one year from ranks alone: Zipf-Mandelbrot, share of rank r proportional to 1/(r+q). q and the share of all births that
# the 80 names cover were fitted by eye to the years in which both ranks and counts are published (1996 on) and to the known narrowing
# before: assumption (A).
Q = {1924: 3, 1934: 3, 1944: 3, 1954: 4, 1964: 4, 1974: 6, 1984: 6, 1994: 8}
COVER = {"M": {1924: .90, 1934: .90, 1944: .90, 1954: .90, 1964: .88, 1974: .86, 1984: .84, 1994: .80},
         "F": {1924: .84, 1934: .84, 1944: .84, 1954: .85, 1964: .84, 1974: .82, 1984: .80, 1994: .74}}
COHORTS = {2001: 5.0, 2012: 4.0}   # year: width (standard deviation, years) of the window over the yearly counts of 1996 to 2018

# The ONS sample in firstname_uk.csv holds a random part of all (name, sex, year) rows, about 2 of the 23 years of a name: a name's popularity
# near a year is the mean of the years present, weighted by nearness.
years = collections.defaultdict(dict)
for r in rows("firstname_uk.csv"):
    years[("M" if r["sex"] == "male" else "F", r["firstname"])][int(r["birthyear"])] = float(r["freq"])

def near(sex, cohort, width):
    out = {}
    for (s, name), seen in years.items():
        if s != sex or len(name) < 2:
            continue
        w = {y: math.exp(-((y - cohort) / width) ** 2 / 2) + 1e-4 for y in seen}
        out[name] = sum(f * w[y] for y, f in seen.items()) / sum(w.values())
    return out

surnames = collections.Counter()
dotted = {}   # the ONS table writes OBRIEN: give the apostrophe back
culture = {"surname": {}, "M": {}, "F": {}}
for kind, name, *names in listed("cultures.txt"):
    if kind == "A":
        dotted = {n.replace("'", ""): n for n in [name] + names}
        continue
    culture["surname" if kind == "S" else kind][name] = names
for r in rows("lastname_uk.csv"):
    if len(r["surname"]) > 1:
        surnames[dotted.get(r["surname"], r["surname"])] += float(r["freq"])

def plain(name):
    import unicodedata
    return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))

def weigh(names, known):
    """Weight by known frequency where there is one, else by place in the list; frequencies are damped, since most of them count other cultures too."""
    top = max([known.get(plain(n), 0) for n in names] + [1e-6])
    return {n: 1 / (i + 12) * (.5 + math.sqrt(known.get(plain(n), 0) / top)) for i, n in enumerate(names)}

lines = []
def emit(head, weights, keep=10**6):
    total = sum(weights.values())
    best = sorted(weights.items(), key=lambda kv: (-kv[1], kv[0]))[:keep]
    entries = [f"{n} {round(1e6 * w / total)}" for n, w in best if round(1e6 * w / total) > 0]
    lines.append(head + "\t" + ",".join(entries))

kept = {"M": set(), "F": set()}
for sex in "MF":
    tagged = {plain(n) for c, names in culture[sex].items() if c not in ("irish", "european", "chinese", "african") for n in names}
    tagged -= {"adam", "maria", "sara", "sarah", "tara", "maya", "nina", "anita", "yasmin", "nadia", "jay", "zara", "noor", "tina", "jasmin"}
    pool = {c: {n: w for n, w in near(sex, c, width).items() if n not in tagged} for c, width in COHORTS.items()}
    ranks = {int(y): names for s, y, *names in listed("ranks.txt") if s == sex}
    for y, names in sorted(ranks.items()):
        names = [n for n in names if n not in tagged]
        head = {n: 1 / (i + 1 + Q[y]) for i, n in enumerate(names)}
        # What the list does not cover: the names of the years about, and from 1974 on some of today's variety too.
        tail = collections.Counter()
        for other, step in ((y - 20, .5), (y - 10, 1), (y + 10, 1)):
            for i, n in enumerate(ranks.get(other, [])):
                if n not in head and n not in tagged:
                    tail[n] += step / (i + 20)
        if y >= 1974:
            share = {1974: .3, 1984: .5, 1994: .8}[y] * (sum(tail.values()) or 1)
            total = sum(pool[2001].values())
            for n, w in sorted(pool[2001].items(), key=lambda kv: (-kv[1], kv[0]))[:1200]:
                if n not in head:
                    tail[n] += share * w / total
        c, h, t = COVER[sex][y], sum(head.values()), sum(tail.values())
        weights = {n: c * w / h for n, w in head.items()}
        for n, w in tail.items():
            weights[n] = (1 - c) * w / t
        emit(f"forename british {sex} {y}", weights)
        kept[sex] |= weights.keys()
    for c in COHORTS:
        emit(f"forename british {sex} {c}", pool[c], 2200)
        kept[sex] |= set(sorted(pool[c], key=lambda n: (-pool[c][n], n))[:2200])
    known = near(sex, 2006, 8)
    for c, names in sorted(culture[sex].items()):
        emit(f"forename {c} {sex} 0", weigh(names, known))
        kept[sex] |= set(names)

foreign = {n for c, names in culture["surname"].items() if c not in ("irish", "african", "chinese", "european") for n in names}
emit("surname british", {n: w for n, w in surnames.items() if n not in foreign or n in ("lee",)})
for c, names in sorted(culture["surname"].items()):
    emit(f"surname {c}", weigh(names, surnames))

names = kept["M"] | kept["F"]
variants = collections.defaultdict(collections.Counter)
for r in rows("nicknames.csv"):
    if r["name1"] in names and r["name2"] != r["name1"]:
        variants[r["name1"]][r["name2"]] += 3
for r in rows("firstname_uk_variant.csv"):
    if r["forename"] in names and r["forename2"] != r["forename"] and r["forename2"] in names:
        variants[r["forename"]][r["forename2"]] += 1
for n, c in sorted(variants.items()):
    best = dict(sorted(c.items(), key=lambda kv: (-kv[1], kv[0]))[:10])
    emit(f"forename-variant {n}", best)
variants = collections.defaultdict(collections.Counter)
for r in rows("lastname_uk_variant.csv"):
    if r["lastname1"] in surnames and r["lastname1"] != r["lastname2"]:
        variants[r["lastname1"]][r["lastname2"]] += 1
for n, c in sorted(variants.items()):
    emit(f"surname-variant {n}", c)

text = "\n".join(lines) + "\n"
with open(os.path.join(here, "tables.txt.gz"), "wb") as f:
    with gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(text.encode())
print(len(lines), "lists,", len(text), "bytes,", os.path.getsize(os.path.join(here, "tables.txt.gz")), "compressed", file=sys.stderr)
