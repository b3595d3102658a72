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


# The schema: {"project", "length", "fields": [{"name", "kind", "weight" in thousandths or 0}]}

def weight(field):
    return field["weight"] or KINDS[field["kind"]][2]


def bits_per_token(schema):
    total = sum(map(weight, schema["fields"]))
    return [min(math.floor(schema["length"] * math.log(2) * weight(f) / (total * KINDS[f["kind"]][1]) + 0.5), schema["length"] // 2)
            for f in schema["fields"]]


def canonical(schema, digest):
    fields = [{"name": f["name"], "kind": f["kind"], "weight": weight(f), "k": k}
              for f, k in zip(schema["fields"], bits_per_token(schema))]
    return json.dumps({"project": schema["project"], "encoding": "bloom/1", "length": schema["length"],
                       "fields": sorted(fields, key=lambda f: f["name"]), "normalisation": digest, "tokens": "tokens/1"},
                      separators=(",", ":"))


# Tokens

def tokens(kind, text):
    if text == "" or len(text.encode()) > 256:
        return set()
    cut = KINDS[kind][0]
    if cut == "whole":
        return {text.encode()}
    if cut == "positioned":
        return {(chr(ord("a") + i) + c).encode() for i, c in enumerate(text)}
    if cut == "bigrams":
        words = [" " + word + " " for word in text.split(" ")]
        return {w[i:i + 2].encode() for w in words for i in range(len(w) - 1)}
    parts = [("Y", text[:4]), ("D", text[2]), ("y", text[3]), ("M", text[4:6]), ("d", text[6:]), ("e", text[7])]
    return {(tag + part).encode() for tag, part in parts if "-" not in part}


# Positions and records

@functools.lru_cache(maxsize=None)
def positions(key, token, k, length):
    out, c = {}, 0  # a dict keeps the order of drawing
    while True:
        digest, c = mac(key, c.to_bytes(4, "big") + token), c + 1
        for i in range(0, 32, 4):
            out[int.from_bytes(digest[i:i + 4], "big") % length] = True
            if len(out) == k:
                return list(out)


def filter_of(secret, schema, texts):
    total = sum(map(weight, schema["fields"]))
    evidence, bits = 0, bytearray(schema["length"] // 8)
    for field, text, k in zip(schema["fields"], texts, bits_per_token(schema)):
        cut = tokens(field["kind"], text)
        if cut:
            evidence += weight(field)
        key = derive(secret, schema["project"], "field/" + field["name"], 32)
        for token in cut:
            for p in positions(key, token, k, schema["length"]):
                bits[p // 8] |= 1 << p % 8
    return None if 10 * evidence < 4 * total else bytes(bits).hex()


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


def vectors():
    projects = ["example", "another", "a", "n" + "0" * 62, "with-hyphen_and_9"]
    return {
        "about": "made by testdata/vectors.py, a second implementation of SPEC.md; every person is invented",
        "keys": [{"secret": x.hex(), "project": p, "fingerprint": derive(x, p, "fingerprint", 16).hex(),
                  "spoken": spoken(derive(x, p, "fingerprint", 16)), "file": key_file(x, p)}
                 for x in SECRETS for p in projects],
        "schemas": [{"schema": s, "digest": DIGESTS[i % 2], "k": bits_per_token(s), "canonical": canonical(s, DIGESTS[i % 2]),
                     "fingerprint": hashlib.sha256(canonical(s, DIGESTS[i % 2]).encode()).hexdigest()}
                    for i, s in enumerate(SCHEMAS)],
        "tokens": [{"kind": kind, "text": text, "tokens": sorted(t.hex() for t in tokens(kind, text))}
                   for kind, texts in TEXTS.items() for text in texts],
        "records": [{"secret": SECRETS[i % 4].hex(), "schema": n, "texts": texts,
                     "filter": filter_of(SECRETS[i % 4], SCHEMAS[n], texts)}
                    for i, (n, texts) in enumerate(people())],
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
    for f, k in zip(s["fields"], bits_per_token(s)):
        yield "k of " + f["name"], k
    yield "digest", DIGESTS[0]
    yield "canonical JSON", text
    yield "schema fingerprint", hashlib.sha256(text.encode()).hexdigest()
    for f, value, k in zip(s["fields"], texts, bits_per_token(s)):
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
