#!/usr/bin/env python3
"""The second implementation of ../SPEC.md, and the vectors made with it.

    python3 testdata/vectors.py > testdata/vectors.json
    python3 testdata/vectors.py example     # the lines of SPEC.md's example

Python's standard library only. It was written from SPEC.md, not from the Go code:
where the two differ, one of them misreads the page.
"""
import base64
import functools
import hashlib
import hmac
import json
import math
import sys
from fractions import Fraction

KINDS = {  # kind: (cut, tokens, weight)
    "name": ("bigrams", 7, 3000),
    "date": ("date", 6, 4000),
    "year": ("positioned", 4, 1000),
    "sex": ("whole", 1, 500),
    "postcode": ("positioned", 6, 2000),
    "nhs-number": ("positioned", 10, 4000),
    "uprn": ("positioned", 11, 2000),
    "phone": ("bigrams", 12, 2000),
    "text": ("bigrams", 12, 2000),
    "code": ("whole", 1, 1000),
}

HOUSEHOLD = {  # the same, in the filter of a household
    "name": ("bigrams", 7, 3000),
    "postcode": ("positioned", 6, 2000),
    "text": ("address", 20, 5000),
}


# The project key

def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(salt, secret, info, length):
    prk, out, block, n = mac(salt, secret), b"", b"", 1
    while len(out) < length:
        block = mac(prk, block + info + bytes([n]))
        out, n = out + block, n + 1
    return out[:length]


def derive(secret, project, use, length):
    return hkdf(b"cohortlink/v1/project/" + project.encode(), secret, b"cohortlink/v1/" + use.encode(), length)


def base32(data):
    return base64.b32encode(data).decode().rstrip("=")


def groups(text, size, between):
    return between.join(text[i:i + size] for i in range(0, len(text), size))


def spoken(fingerprint):
    return groups(base32(fingerprint[:10]), 4, "-")


def key_file(secret, project):
    check = hashlib.sha256(b"cohortlink/v1/key-file\0" + project.encode() + b"\0" + secret).digest()[:5]
    return "".join(line + "\n" for line in (
        "cohortlink project key, version 1",
        "project: " + project,
        "fingerprint: " + spoken(derive(secret, project, "fingerprint", 16)),
        "# Keep this file with the partners. The linkage unit must never see it.",
        "key: " + groups(base32(secret + check), 5, " "),
    ))


# The schema: {"project", "fields": [{"name", "kind", "weight" in thousandths or 0}], and either "length", of one plain
# filter, or "filters": [{"name", "length", ...}] and "exact": [names]}

def weight(field):
    return field["weight"] or KINDS[field["kind"]][2]


def part(x, field):
    """How a field is cut in a filter, the tokens it gives, and its weight there."""
    if x["household"]:
        return HOUSEHOLD[field["kind"]]
    return KINDS[field["kind"]][:2] + (weight(field),)


def filters(schema):
    """The filters, with all of their settings. fill and noise are in thousandths."""
    return [{"fields": [f["name"] for f in schema["fields"]], "fill": 500, "fold": 0, "rule90": False, "balance": False,
             "noise": 0, "hashes": 0, "household": False} | x for x in schema.get("filters") or [{"name": "record", "length": schema["length"]}]]


def fields_of(schema, x):
    return [f for f in schema["fields"] if f["name"] in x["fields"]]


def bits_per_token(schema, x):
    """k of a Bloom filter, or the votes of a sketch, for each of its fields."""
    fields = fields_of(schema, x)
    if x["hashes"]:
        ratio = lambda f: Fraction(part(x, f)[2], part(x, f)[1])
        top = max(map(ratio, fields))
        return [max(v for v in range(9) if v == 0 or (2 * v - 1) ** 2 * top <= 256 * ratio(f)) for f in fields]
    total = sum(part(x, f)[2] for f in fields)
    return [min(math.floor(x["length"] * -math.log(1 - x["fill"] / 1000) * part(x, f)[2] / (total * part(x, f)[1]) + 0.5), x["length"] // 2)
            for f in fields]


def decimal(thousandths):
    return f"{thousandths / 1000:.3f}".rstrip("0").rstrip(".")


def stored_bits(x):
    return (x["length"] >> x["fold"]) * (2 if x["balance"] else 1)


def encoding(x):
    if x["hashes"]:
        return f"sketch/1 hashes:{x['hashes']}"
    return "bloom/1" + (f" fold:{x['fold']}" if x["fold"] else "") + (" rule90" if x["rule90"] else "") + (
        " balance" if x["balance"] else "") + (f" noise:{decimal(x['noise'])}" if x["noise"] else "")


def similarity(x):
    xored = 2 ** (x["fold"] + x["rule90"])
    if x["hashes"]:
        return f"sketch:{x['hashes']}"
    if xored > 1 or x["balance"]:
        return f"xor:{xored}:{decimal(x['fill'])}" + (f":{decimal(x['noise'])}" if x["noise"] else "")
    return f"noise:{decimal(x['noise'])}" if x["noise"] else "dice"


def canonical(schema, digest):
    by_name = lambda fields: sorted(fields, key=lambda f: f["name"])
    fields = [{"name": f["name"], "kind": f["kind"], "weight": weight(f)} for f in schema["fields"]]
    head, all_filters, exact = {"project": schema["project"]}, filters(schema), schema.get("exact", [])
    household = schema.get("household_exact", [])
    x = all_filters[0]
    if len(all_filters) == 1 and not exact + household and x["name"] == "record" and encoding(x) == "bloom/1" and x["fill"] == 500 and len(x["fields"]) == len(fields):
        head |= {"encoding": "bloom/1", "length": x["length"]}
        body = {"fields": by_name([f | {"k": k} for f, k in zip(fields, bits_per_token(schema, x))])}
    else:
        body = {"fields": by_name(fields), "filters": []}
        for x in all_filters:
            what = "votes" if x["hashes"] else "k"
            of = by_name([{"name": f["name"], what: n} for f, n in zip(fields_of(schema, x), bits_per_token(schema, x))])
            role = {"role": "household/1"} if x["household"] else {}
            body["filters"].append({"name": x["name"]} | role | {"encoding": encoding(x), "length": x["length"]}
                                   | ({} if x["hashes"] else {"fill": x["fill"]}) | {"fields": of})
        if exact:
            body["exact"] = exact
        if household:
            body["household_exact"] = household
    return json.dumps(head | body | {"normalisation": digest, "tokens": "tokens/1"}, separators=(",", ":"))


# Tokens

def tokens(kind, text, cut=None):
    if text == "" or len(text.encode()) > 256:
        return set()
    cut = cut or KINDS[kind][0]
    if cut == "address":
        numbers = [word for word in text.split(" ") if any("0" <= c <= "9" for c in word)]
        copies = max(1, 12 // len(numbers)) if numbers else 0
        out = {f"#{chr(ord('a') + i)}{word}".encode() for word in numbers for i in range(copies)}
        for word in text.split(" "):
            out |= set() if word in numbers else tokens(kind, word, "bigrams")
        return out
    if cut == "whole":
        return {text.encode()}
    if cut == "positioned":
        return {(chr(ord("a") + i) + c).encode() for i, c in enumerate(text)}
    if cut == "bigrams":
        words = [" " + word + " " for word in text.split(" ")]
        return {w[i:i + 2].encode() for w in words for i in range(len(w) - 1)}
    parts = [("Y", text[:4]), ("D", text[2]), ("y", text[3]), ("M", text[4:6]), ("d", text[6:]), ("e", text[7])]
    return {(tag + part).encode() for tag, part in parts if "-" not in part}


# Positions, votes and records. Bits of a filter are a list of 0 and 1.

def stream(key, token):
    """HMAC after HMAC, 32 bytes each."""
    c = 0
    while True:
        yield mac(key, c.to_bytes(4, "big") + token)
        c += 1


@functools.lru_cache(maxsize=None)
def positions(key, token, k, length):
    out = {}  # a dict keeps the order of drawing
    for digest in stream(key, token):
        for i in range(0, 32, 4):
            out[int.from_bytes(digest[i:i + 4], "big") % length] = True
            if len(out) == k:
                return list(out)


@functools.lru_cache(maxsize=None)
def votes(key, token, n):
    drawn, blocks = b"", stream(key, token)
    while 8 * len(drawn) < n:
        drawn += next(blocks)
    return [drawn[i // 8] >> i % 8 & 1 for i in range(n)]


@functools.lru_cache(maxsize=None)
def permutation(key, n):
    p, i = list(range(n)), n - 1
    for digest in stream(key, b""):
        for at in range(0, 32, 4):
            if i == 0:
                return p
            x, r = int.from_bytes(digest[at:at + 4], "big"), i + 1
            if x < 2 ** 32 // r * r:
                p[i], p[x % r] = p[x % r], p[i]
                i -= 1


def bloom(x, bits, key_of):
    for _ in range(x["fold"]):
        half = len(bits) // 2
        bits = [a ^ b for a, b in zip(bits[:half], bits[half:])]
    if x["rule90"]:
        n = len(bits)
        bits = [bits[i - 1] ^ bits[(i + 1) % n] for i in range(n)]
    if x["balance"]:
        both = bits + [1 - b for b in bits]
        bits = [0] * len(both)
        for bit, place in zip(both, permutation(key_of("balance/" + x["name"]), len(both))):
            bits[place] = bit
    return bits


def sketch(x, cast, key_of):
    """cast: the votes of each token, and how often each counts."""
    n, total = x["length"], sum(times for _, times in cast)
    ties = votes(key_of(f"sketch/{x['name']}/ties"), b"", n * x["hashes"])
    bits = [0] * n
    for i in range(n * x["hashes"]):
        yes = sum(times for pattern, times in cast if pattern[i])
        bits[i % n] ^= ties[i] if 2 * yes == total else int(2 * yes > total)
    return bits


def noise_key(x, noise_secret, fingerprint):
    return hkdf(b"cohortlink/v1/noise/" + fingerprint, noise_secret, f"cohortlink/v1/noise/{x['name']}/{x['length']}/{encoding(x)}".encode(), 32)


def noise_file(noise_secret):
    check = hashlib.sha256(b"cohortlink/v1/noise-file\0" + noise_secret).digest()[:5]
    return ("cohortlink noise secret, version 1\n"
            "# Keep this file beside the map, and give it to nobody: whoever has it can tell which bits of your filters are noise.\n"
            f"secret: {groups(base32(noise_secret + check), 5, ' ')}\n")


def noise(x, bits, key, record_id):
    """Noise that persists, bit by bit: a bit is replaced where a binary fraction, drawn for it, is below F."""
    numbers = (int.from_bytes(block[i:i + 8], "little") for block in stream(key, record_id) for i in range(0, 32, 8))
    digits = f"{round(x['noise'] / 1000 * 2 ** 24):024b}".rstrip("0")
    out = list(bits)
    for start in range(0, len(bits), 64):
        taken = [next(numbers) for _ in range(len(digits) + 1)]
        for i in range(64):
            fraction = "".join(str(r >> i & 1) for r in taken[-2::-1])  # its first digit was drawn last
            if fraction < digits:
                out[start + i] = taken[-1] >> i & 1
    return out


def hexadecimal(bits):
    return bytes(sum(bits[i + j] << j for j in range(8)) for i in range(0, len(bits), 8)).hex()


def record(secret, schema, texts, noise_secret=None, record_id=None):
    """The filters and exact keys of a record, in hexadecimal; None where it is set aside."""
    key_of = functools.lru_cache(maxsize=None)(lambda use: derive(secret, schema["project"], use, 32))
    text_of = {f["name"]: text for f, text in zip(schema["fields"], texts)}
    out, usable = [], False
    for x in filters(schema):
        fields, evidence, cast, bits = fields_of(schema, x), 0, [], [0] * x["length"]
        for f, k in zip(fields, bits_per_token(schema, x)):
            cut = tokens(f["kind"], text_of[f["name"]], part(x, f)[0])
            evidence += part(x, f)[2] if cut else 0
            if x["hashes"]:
                key = key_of(f"sketch/{x['name']}/field/{f['name']}")
                cast += [(votes(key, token, x["hashes"] * x["length"]), k) for token in cut]
                continue
            key = key_of(f"field/{f['name']}" if x["name"] == "record" else f"filter/{x['name']}/field/{f['name']}")
            for token in cut:
                for p in positions(key, token, k, x["length"]):
                    bits[p] = 1
        if 10 * evidence < (6 if x["household"] else 4) * sum(part(x, f)[2] for f in fields):
            out.append("00" * (stored_bits(x) // 8))
            continue
        usable = usable or not x["household"] or all(y["household"] for y in filters(schema))
        made = sketch(x, cast, key_of) if x["hashes"] else bloom(x, bits, key_of)
        if noise_secret is not None and x["noise"]:
            made = noise(x, made, noise_key(x, noise_secret, derive(secret, schema["project"], "fingerprint", 16)), record_id)
        out.append(hexadecimal(made))
    if not usable:
        return None
    exact = []
    for use, names in ("exact/", schema.get("exact", [])), ("household/exact/", schema.get("household_exact", [])):
        for name in names:
            text = text_of[name].encode()
            exact.append(mac(key_of(use + name), text)[:16].hex() if 0 < len(text) <= 256 else "00" * 16)
    return {"filters": out, "exact": exact}


def filter_of(secret, schema, texts):
    made = record(secret, schema, texts)
    return made and made["filters"][0]


# What is tested. The secrets are plain to see, so that nobody takes one for a key.

SECRETS = [bytes(range(32)), bytes(32), bytes([0xff] * 32), hashlib.sha256(b"cohortlink vectors").digest()]
DIGESTS = [hashlib.sha256(b"not a real normalisation").hexdigest(), "00" * 32]


def schema(project, length, *fields):
    return {"project": project, "length": length,
            "fields": [{"name": f[0], "kind": f[1], "weight": f[2] if len(f) > 2 else 0} for f in fields]}


FIVE = (("forename", "name"), ("surname", "name"), ("birth_date", "date"), ("sex", "sex"), ("postcode", "postcode"))
ALL = tuple((kind, kind) for kind in KINDS)
SCHEMAS = [
    schema("example", 128, ("surname", "name"), ("birth_date", "date"), ("sex", "sex")),
    schema("example", 1024, *FIVE),
    schema("example", 1024, *FIVE[::-1]),
    schema("another", 1024, *FIVE),
    schema("example", 1024, *FIVE, ("nhs_number", "nhs-number")),
    schema("weights", 2048, ("forename", "name", 1500), ("surname", "name", 4000), ("birth_date", "date", 250), ("sex", "sex", 1000)),
    schema("a", 64, ("b", "sex")),
    schema("n" + "0" * 62, 1024, *((f"f{i}", "name", 1 + i * 999) for i in range(20, 32)), ("f-_9", "code", 100000)),
    schema("many", 1024, *((f"f{i:02}", list(KINDS)[i % 10]) for i in range(32))),
    *(schema("lengths", 2 ** n, ("surname", "name"), ("birth_date", "date"), ("sex", "sex")) for n in range(6, 17)),
    *(schema("all-kinds", 2 ** n, *ALL) for n in range(8, 17)),
]

SIX = FIVE + (("nhs_number", "nhs-number"),)
HOME = FIVE + (("address", "text"), ("uprn", "uprn"))


def spelled(project, fields, *filters, exact=()):
    return {k: v for k, v in schema(project, 0, *fields).items() if k != "length"} | {"filters": list(filters), "exact": list(exact)}


# What hardens, alone and together, at the least and greatest of each.
HARDENED = [
    spelled("example", FIVE, {"name": "record", "length": 1024, "fold": 1}),
    spelled("example", FIVE, {"name": "record", "length": 8192, "fold": 2}),
    spelled("example", FIVE, {"name": "all", "length": 8192, "fill": 250, "fold": 2}),
    spelled("example", FIVE, {"name": "all", "length": 1024, "fill": 50, "fold": 3}),
    spelled("example", FIVE, {"name": "all", "length": 512, "fold": 3}),
    spelled("example", FIVE, {"name": "all", "length": 64, "rule90": True}),
    spelled("example", FIVE, {"name": "all", "length": 1024, "rule90": True}),
    spelled("example", FIVE, {"name": "all", "length": 1024, "balance": True}),
    spelled("example", FIVE, {"name": "all", "length": 2048, "fill": 333, "fold": 1, "rule90": True, "balance": True}),
    spelled("example", FIVE, {"name": "all", "length": 64, "balance": True}),
    spelled("example", FIVE, {"name": "all", "length": 1024}),
    spelled("example", FIVE, {"name": "record", "length": 1024, "fill": 499}),
    spelled("example", FIVE, {"name": "record", "length": 64, "hashes": 1}),
    spelled("example", FIVE, {"name": "record", "length": 4096, "hashes": 3}),
    spelled("example", FIVE, {"name": "all", "length": 512, "hashes": 2}),
    spelled("weights", (("forename", "name", 100), ("surname", "name", 4000), ("birth_date", "date", 9000), ("sex", "sex", 20)), {"name": "all", "length": 256, "hashes": 8}),
    spelled("all-kinds", ALL, {"name": "all", "length": 1024, "hashes": 4}),
    spelled("example", SIX, {"name": "person", "length": 512, "fold": 1, "fields": ["forename", "surname", "birth_date", "sex"]},
            {"name": "place", "length": 128, "hashes": 3, "fields": ["postcode", "surname"]}, exact=["nhs_number"]),
    spelled("example", SIX[::-1], {"name": "person", "length": 512, "fold": 1, "fields": ["sex", "birth_date", "surname", "forename"]},
            {"name": "place", "length": 128, "hashes": 3, "fields": ["surname", "postcode"]}, exact=["nhs_number"]),
    spelled("example", SIX, {"name": "record", "length": 1024}, exact=["nhs_number", "postcode", "forename"]),
    *(spelled("example", HOME, x | {"name": "record", "fields": [name for name, _ in FIVE]},
              x | {"name": "household", "household": True, "fields": fields}, exact=exact) | {"household_exact": household}
      for x, fields, exact, household in (
          ({"length": 2048, "fold": 2}, ["surname", "postcode", "address"], [], ["uprn"]),
          ({"length": 1024}, ["address", "surname"], ["uprn"], ["uprn"]),
          ({"length": 512, "hashes": 3}, ["surname", "postcode", "address"], ["uprn", "address"], []))),
]
NOISY = [  # what noise makes of bits is not to be told before, but where it persists
    spelled("example", FIVE, {"name": "record", "length": 1024, "noise": 50}),
    spelled("example", FIVE, {"name": "record", "length": 1024, "fold": 2, "rule90": True, "balance": True, "noise": 900}),
    spelled("example", FIVE, {"name": "all", "length": 1024, "balance": True, "noise": 1}),
    spelled("example", FIVE, {"name": "record", "length": 512, "noise": 500}, {"name": "more", "length": 512, "fold": 1, "noise": 125},
            {"name": "rest", "length": 512, "hashes": 3}),
]


TEXTS = {
    "name": ["ANNE", "A", "O", "ANNANN", "SMITH JONES", "JONES SMITH", "ANNE MARIE LOUISE", "OBRIEN", "李", "李 小龍", "ΓΕΩΡΓΙΟΣ", "ОЛЬГА",
             "محمد", "नीलम", "ABCDEFGHIJKLMNOPQRST" * 10],
    "date": ["19870314", "20000229", "1987----", "198703--", "1987--14", "----0314", "----03--", "------14", "18500101", "20491231"],
    "year": ["1987", "1850", "2049"],
    "sex": ["M", "F"],
    "postcode": ["SW1A1AA", "M11AE", "RG401XS", "GIR0AA", "B338TH"],
    "nhs-number": ["9990000018", "9990000026", "9990000034"],
    "uprn": ["1", "10033544614", "100012345678"],
    "phone": ["01632960001", "0033142685300", "02079460000"],
    "text": ["12 HIGH STREET", "FLAT 3", "ΑΘΗΝΑ 7", "7", "A" * 256, "A" * 257, "HIGH STREET " * 21 + "HIGH", "HIGH STREET " * 21 + "HIGHS"],
    "code": ["K81001", "A B", "ÉÉ", "X" * 256, "X" * 257],
}


def nhs_number(nine):
    check = 11 - sum(int(d) * (10 - i) for i, d in enumerate(nine)) % 11
    return None if check == 10 else nine + str(check % 11)


def people():
    """Some people for each schema: whole, and with fields missing or partial."""
    for number, s in enumerate(SCHEMAS):
        kinds = [f["kind"] for f in s["fields"]]
        pick = lambda n: [TEXTS[kind][(n * (i + 1) + number) % len(TEXTS[kind])] for i, kind in enumerate(kinds)]
        if s["length"] > 4096:  # long enough
            yield number, pick(1)
            yield number, [""] + pick(2)[1:]
            continue
        for n in range(3):
            yield number, pick(n)
        for n, without in enumerate(kinds[:4]):
            yield number, ["" if kind == without else text for kind, text in zip(kinds, pick(n))]
        yield number, pick(4)[:1] + [""] * (len(kinds) - 1)
        yield number, [""] * len(kinds)
    five = [
        ["ANNE MARIE", "SMITH JONES", "19870314", "F", "RG401XS"],
        ["ANNE", "JONES", "1987--14", "F", "RG401XS"],
        ["李", "小龍", "----0314", "M", "SW1A1AA"],
        ["ANNE", "", "", "", "RG401XS"],  # exactly the least evidence: 5 of 12.5
        ["", "", "----03--", "", "RG401XS"],  # a partial date is a date
        ["", "", "", "F", "RG401XS"],
        ["ANNE", "", "", "F", ""],
        ["", "", "19870314", "F", ""],
    ]
    for texts in five:
        yield 1, texts
        yield 2, texts[::-1]
        yield 3, texts


def hardened_people():
    for number, s in enumerate(HARDENED):
        kinds = [f["kind"] for f in s["fields"]]
        pick = lambda n: [TEXTS[kind][(n * (i + 1) + number) % len(TEXTS[kind])] for i, kind in enumerate(kinds)]
        for n in range(1, 4):
            yield number, pick(n)
        yield number, ["ANNANN" if kind == "name" else text for kind, text in zip(kinds, pick(5))]  # a token twice
        yield number, ["" if kind == "date" else text for kind, text in zip(kinds, pick(6))]
        yield number, ["" if i > 1 else text for i, text in enumerate(pick(7))]
        yield number, [""] * len(kinds)


def noisy_records():
    """The same people under two record IDs each, and one with other values under the same."""
    for number, s in enumerate(NOISY):
        for n in range(3):
            texts = [TEXTS[f["kind"]][(n * (i + 1) + number) % len(TEXTS[f["kind"]])] for i, f in enumerate(s["fields"])]
            yield number, texts, bytes([n + 1] * 16)
            yield number, texts, hashlib.sha256(bytes([number, n])).digest()[:16]
        yield number, texts[:-1] + [""], bytes([n + 1] * 16)


def vectors():
    projects = ["example", "another", "a", "n" + "0" * 62, "with-hyphen_and_9"]
    return {
        "about": "made by testdata/vectors.py, a second implementation of SPEC.md; every person is invented",
        "keys": [{"secret": x.hex(), "project": p, "fingerprint": derive(x, p, "fingerprint", 16).hex(),
                  "spoken": spoken(derive(x, p, "fingerprint", 16)), "file": key_file(x, p)}
                 for x in SECRETS for p in projects],
        "schemas": [{"schema": s, "digest": DIGESTS[i % 2], "k": bits_per_token(s, filters(s)[0]), "canonical": canonical(s, DIGESTS[i % 2]),
                     "fingerprint": hashlib.sha256(canonical(s, DIGESTS[i % 2]).encode()).hexdigest()}
                    for i, s in enumerate(SCHEMAS)],
        "tokens": [{"kind": kind, "text": text, "tokens": sorted(t.hex() for t in tokens(kind, text))}
                   for kind, texts in TEXTS.items() for text in texts],
        "records": [{"secret": SECRETS[i % 4].hex(), "schema": n, "texts": texts,
                     "filter": filter_of(SECRETS[i % 4], SCHEMAS[n], texts)}
                    for i, (n, texts) in enumerate(people())],
        "hardened_schemas": [{"schema": s, "digest": DIGESTS[i % 2], "layout": [{"bits": stored_bits(x), "encoding": encoding(x), "similarity": similarity(x)} for x in filters(s)],
                              "k": [bits_per_token(s, x) for x in filters(s)], "canonical": canonical(s, DIGESTS[i % 2]),
                              "fingerprint": hashlib.sha256(canonical(s, DIGESTS[i % 2]).encode()).hexdigest()}
                             for i, s in enumerate(HARDENED + NOISY)],
        "hardened_records": [{"secret": SECRETS[i % 4].hex(), "schema": n, "texts": texts, "made": record(SECRETS[i % 4], HARDENED[n], texts)}
                             for i, (n, texts) in enumerate(hardened_people())],
        "noisy_records": [{"secret": SECRETS[i % 4].hex(), "noise_secret": SECRETS[i % 3].hex(), "noise_file": noise_file(SECRETS[i % 3]),
                           "record": record_id.hex(), "schema": len(HARDENED) + n, "texts": texts,
                           "made": record(SECRETS[i % 4], NOISY[n], texts, SECRETS[i % 3], record_id)}
                          for i, (n, texts, record_id) in enumerate(noisy_records())],
    }


def example():
    secret, s, texts = SECRETS[0], SCHEMAS[0], ["ANNE", "1987--14", "F"]
    text = canonical(s, DIGESTS[0])
    yield "secret", secret.hex()
    yield "project", s["project"]
    yield "fingerprint", derive(secret, s["project"], "fingerprint", 16).hex()
    yield "spoken fingerprint", spoken(derive(secret, s["project"], "fingerprint", 16))
    yield "K_surname", derive(secret, s["project"], "field/surname", 32).hex()
    yield "length", s["length"]
    for f, k in zip(s["fields"], bits_per_token(s, filters(s)[0])):
        yield "k of " + f["name"], k
    yield "digest", DIGESTS[0]
    yield "canonical JSON", text
    yield "schema fingerprint", hashlib.sha256(text.encode()).hexdigest()
    for f, value, k in zip(s["fields"], texts, bits_per_token(s, filters(s)[0])):
        yield f["name"], value
        key = derive(secret, s["project"], "field/" + f["name"], 32)
        for token in sorted(tokens(f["kind"], value)):
            yield f"{f['name']} token", token.decode().replace(" ", "␠") + " at " + " ".join(
                map(str, positions(key, token, k, s["length"])))
    yield "filter", filter_of(secret, s, texts)


if sys.argv[1:] == ["example"]:
    print("\n".join(f"{what} = {value}" for what, value in example()))
else:
    for kind, texts in TEXTS.items():
        assert kind != "nhs-number" or all(nhs_number(x[:9]) == x for x in texts), texts
    v = vectors()
    lines = [f'"about":{json.dumps(v.pop("about"))}']
    for name, cases in v.items():
        lines.append(f'"{name}":[\n' + ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases) + "\n]")
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print("{\n" + ",\n".join(lines) + "\n}")
