"""Draws schemas, rows and single values at random and lets clkhash say what comes of them.

    pip install clkhash          # 0.18.3 is what this package follows
    python3 fresh.py OUT.json [--schemas 400] [--seed N]
    CLKHASH_FRESH=OUT.json go test -run Fresh ./hashing/clkhash

Vectors that lie in the tree can be tuned to; these cannot. The seed is printed and kept in the file.
"""
import argparse
import base64
import csv
import io
import json
import random
import re
import signal
import unicodedata
import warnings
from datetime import datetime

import _sre
from re import _casefix

from clkhash import clk, field_formats, schema
from clkhash.comparators import NumericComparison

warnings.simplefilter("ignore")

p = argparse.ArgumentParser()
p.add_argument("out")
p.add_argument("--schemas", type=int, default=400)
p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 48))
args = p.parse_args()
R = random.Random(args.seed)
print("seed", args.seed)

NAMES = ["Ann", "Bob", "O'Brien", "MÜLLER", "müller", "Zoë", "Nguyễn", "李小龙", "Ελένη", "JOSÉ", "smith-jones", "de la Cruz", "X", "",
         "aaaa", "Straße", "ŉ", "İpek", "ﬁ", "😀😀", "e\u0301", "JOHN", "MARY ANN", "mc donald"]
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 '-_.éßÉΣσςıİſK٣५"


def maybe(prob):
    return R.random() < prob


def text():
    if maybe(0.5):
        return R.choice(NAMES)
    return "".join(R.choice(ALPHABET) for _ in range(R.randrange(0, 13)))


def integer():
    return R.choice([
        lambda: str(R.randrange(-50, 200)), lambda: str(R.randrange(-10**25, 10**25)), lambda: "%05d" % R.randrange(1000),
        lambda: " %d " % R.randrange(1000), lambda: "+%d" % R.randrange(99), lambda: "1_000", lambda: "٣٤", lambda: "7.0",
        lambda: "", lambda: "-0", lambda: "\u00a07", lambda: "x"])()


def number():
    return R.choice([
        integer, lambda: "%.*f" % (R.randrange(0, 6), R.uniform(-500, 500)), lambda: repr(R.uniform(-1e6, 1e6)), lambda: "%de-%d" % (R.randrange(99), R.randrange(5)),
        lambda: ".5", lambda: "5.", lambda: "1e400", lambda: "nan", lambda: "1_0.2_5", lambda: "0x10", lambda: str(R.randrange(10**30)) + ".5"])()


FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d%m%Y", "%d %b %Y", "%B %d, %Y", "%y%m%d", "%m/%d/%y", "%Y-%j", "%Y", "%U %w %Y", "%W %a %Y", "%G-%V-%u",
           "%d-%m-%Y %H:%M", "%x", "%c", "%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y %I:%M:%S.%f %p", "%A %d %B %Y", "%m %d", "%d%m", "%H%M%S%f %j %Y", "%%%Y s%m", "%y %Y"]


def date(fmt):
    day = datetime(R.randrange(1000, 2100), R.randrange(1, 13), R.randrange(1, 29), R.randrange(24), R.randrange(60), R.randrange(60))
    s = day.strftime(fmt.replace("%z", R.choice(["Z", "+0100", "-05:30", "+01:00:30", "+0100:30", "+99:00", "+01:0030", "+0130.5", "+010203.5", "z"])))
    if maybe(0.35):  # damage
        i = R.randrange(len(s) + 1)
        s = R.choice([lambda: s[:i] + s[i + 1:], lambda: s[:i] + R.choice("0123456789 -/xſ٣") + s[i:], lambda: s.upper(), lambda: s.replace("0", ""),
                      lambda: s.replace(" ", "  "), lambda: s + " ", lambda: s.replace("0", " "), lambda: s[::-1]])()
    return s


# ---- patterns -----------------------------------------------------------------------------------------------------------------

ATOMS = ["a", "b", "A", "é", "1", ".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "[a-c]", "[^a]", r"[\d_-]", "[]a]", "[a-]", r"\.", r"\x41", r"\u00e9", "ı", "s", "K", "ß", "{", "{x", "]", "}", r"\b", "^", "$", r"\A",
         r"\Z", r"\B", r"\t", r"\0", r"\101", r"[\b\n]", "(?#c)", r"\-", "[^\\W\\d]", "-", "İ"]
SUFFIX = ["", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{,1}", "{2,}", "*?", "+?", "??", "{1,3}?", "{a}", "{}"]


def pattern(depth=0):
    out = []
    for _ in range(R.randrange(1, 4)):
        r = R.random()
        if depth < 3 and r < 0.30:
            inner = pattern(depth + 1)
            if maybe(0.3):
                inner += "|" + pattern(depth + 1)
            out.append(R.choice(["(%s)", "(?:%s)", "(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)", "(?P<n%d>%%s)" % R.randrange(9), "(?i:%s)", "(?s-i:%s)", "(%s)\\1", "(?a:%s)"]) % inner)
        else:
            out.append(R.choice(ATOMS))
        out.append(R.choice(SUFFIX))
    s = "".join(out)
    if depth == 0:
        if maybe(0.25):
            s = R.choice(["(?i)", "(?m)", "(?s)", "(?a)", "(?ai)", "(?im)"]) + s
        if maybe(0.1):
            s += "|" + pattern(1)
        if maybe(0.1):
            i = R.randrange(len(s) + 1)
            s = s[:i] + R.choice("()[]{}\\|*+?^$-z1q") + s[i:]
    return s


class TooLong(Exception):
    pass


def alarm(*_):
    raise TooLong()


signal.signal(signal.SIGALRM, alarm)


def pattern_case():
    source = pattern()
    if re.search(r"[*+?}]\+|\(\?\(|\(\?>|\(\?[a-zA-Z]*x|\\N", source):  # refused here, with its reason
        return None
    try:
        compiled = re.compile(source)
    except (re.error, OverflowError, RecursionError):
        return {"pattern": source, "ok": False}
    values = []
    for _ in range(6):
        v = "".join(R.choice("aabbcABC1é _-\n.sSſKkıiİIßẞ٣\u2028") for _ in range(R.randrange(0, 6)))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            values.append([v, compiled.fullmatch(v) is not None])
        except TooLong:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return {"pattern": source, "ok": True, "values": values}


# ---- schemas ------------------------------------------------------------------------------------------------------------------

def hash_config(version):
    if maybe(0.5):
        h = {"type": "doubleHash"}
        if maybe(0.4):
            h["prevent_singularity"] = maybe(0.7)
        return h
    return {"type": "blakeHash"}


def feature(i, version, double_only):
    kind = R.choice(["string", "string", "string", "integer", "date", "enum"])
    fmt = {"type": kind}
    values = text
    if kind == "string":
        if maybe(0.4):
            fmt["encoding"] = R.choice(["ascii", "utf-8", "utf-16", "utf-32"])
        if maybe(0.15):
            fmt["pattern"] = R.choice(["[A-Z' -]+", r"\w*", r"(?i)[a-z]+|", r"\d{1,4}", ".*", r"(.)\1*.*"])
        else:
            if maybe(0.2):
                fmt["case"] = R.choice(["upper", "lower", "mixed"])
            if maybe(0.2):
                fmt["minLength"] = R.randrange(0, 3)
            if maybe(0.2):
                fmt["maxLength"] = R.randrange(1, 12)
    elif kind == "integer":
        values = integer
        if maybe(0.3):
            fmt["minimum"] = R.choice([-10, 0, -10**24, 5.0])
        if maybe(0.3):
            fmt["maximum"] = R.choice([100, 10**24])
    elif kind == "date":
        fmt["format"] = R.choice(FORMATS[:17])
        values = lambda: date(fmt["format"])
    else:
        fmt["values"] = R.sample(NAMES, 6)
        values = lambda: R.choice(NAMES)
    if maybe(0.2):
        fmt["description"] = "d"

    hashing = {}
    missing = None
    if maybe(0.3):
        missing = {"sentinel": R.choice(["", "NULL", "Ann", "0"])}
        if maybe(0.5):
            missing["replaceWith"] = R.choice(["", "none", "Ü", "-1"])
        hashing["missingValue"] = missing
    n = R.randrange(1, 5)
    if version == 1:
        hashing["ngram"] = n
        if maybe(0.4):
            hashing["positional"] = maybe(0.5)
        if maybe(0.6):
            hashing["weight"] = R.choice([0, 0.5, 1, 1.5, 2.5, 2, 0.3, 1.25, 3.0])
        if maybe(0.05):
            hashing["comparison"] = {"type": "exact"}
    elif version == 2:
        hashing["ngram"] = n
        if maybe(0.4):
            hashing["positional"] = maybe(0.5)
        hashing["strategy"] = R.choice([{"k": R.randrange(1, 70)}, {"numBits": R.randrange(1, 400)}])
    else:
        c = R.random()
        if c < 0.5:
            hashing["comparison"] = {"type": "ngram", "n": n}
            if maybe(0.5):
                hashing["comparison"]["positional"] = maybe(0.5)
        elif c < 0.7:
            hashing["comparison"] = {"type": "exact"}
        else:
            precision = R.randrange(0, 4)
            hashing["comparison"] = {"type": "numeric", "resolution": R.randrange(1, 12),
                                     "thresholdDistance": R.choice([1, 2, 5, 8, 20, 1000, 1.5, 2.5, 0.75, 3.3, 12345678901234567890])}
            if maybe(0.7):
                hashing["comparison"][R.choice(["fractional_precision", "fractional_precision", "fractionalPrecision"])] = precision
            if kind == "string" and maybe(0.8):
                fmt.pop("pattern", None)
                for key in ("case", "minLength", "maxLength"):
                    fmt.pop(key, None)
                values = number
        hashing["strategy"] = R.choice([{"bitsPerToken": R.choice([R.randrange(1, 70), 4.0])}, {"bitsPerFeature": R.randrange(1, 400)}])
    if version != 1:
        if double_only:
            hashing["hash"] = {"type": "doubleHash"}
            if maybe(0.5):
                hashing["hash"]["prevent_singularity"] = maybe(0.7)
        elif maybe(0.7):
            hashing["hash"] = hash_config(version)

    def cell():
        return missing["sentinel"] if missing and maybe(0.25) else values()
    return {"identifier": "f%d" % i, "format": fmt, "hashing": hashing}, cell


def schema_case():
    version = R.choice([1, 2, 3, 3, 3])
    double_only = maybe(0.35)
    length = R.choice([7, 100, 1000, 1023, 5, 3]) if double_only else R.choice([16, 64, 128, 256, 512, 1024, 1024, 2048])
    config = {"l": length, "kdf": {"type": "HKDF"}}
    if maybe(0.3):
        config[R.choice(["xor_folds", "xor_folds", "xorFolds"])] = R.choice([0, 1, 2, 3])
    kdf = config["kdf"]
    if maybe(0.4):
        kdf["hash"] = R.choice(["SHA256", "SHA512"])
    if maybe(0.4):
        kdf["keySize"] = R.choice([1, 16, 32, 64] + ([100] if double_only else []))
    for key in ("salt", "info"):
        if maybe(0.3):
            kdf[key] = base64.b64encode(R.randbytes(R.randrange(0, 40))).decode() + ("\n" if maybe(0.1) else "")
    if version == 1:
        config["k"] = R.randrange(2, 40)
        config["hash"] = {"type": "doubleHash"} if double_only else hash_config(version)
        if double_only and maybe(0.5):
            config["hash"]["prevent_singularity"] = True
    features, cells = [], []
    for i in range(R.randrange(1, 7)):
        if maybe(0.12):
            features.append({"identifier": "f%d" % i, "ignored": True})
            cells.append(text)
            continue
        f, cell = feature(i, version, double_only)
        features.append(f)
        cells.append(cell)
    return {"version": version, "clkConfig": config, "features": features}, [[c() for c in cells] for _ in range(12)]


def mutate(doc):
    """A schema with one thing changed, for the question whether it is accepted."""
    doc = json.loads(json.dumps(doc))
    places = []

    def walk(v):
        if isinstance(v, dict):
            for k in v:
                places.append((v, k))
                walk(v[k])
        elif isinstance(v, list):
            for i in range(len(v)):
                places.append((v, i))
                walk(v[i])
    walk(doc)
    v, k = R.choice(places)
    action = R.randrange(4)
    if action == 0:
        del v[k]
    elif action == 1 and isinstance(v, dict):
        v[R.choice(["foo", "k", "hash", "ignored", "pattern", "case", "type", "xor_folds", "n", "ngram", "weight", "strategy", "positional", "numBits", "bitsPerFeature", "prevent_singularity",
                    "minLength", "description", "comparison", "format", "values", "sentinel"])] = R.choice([True, False, 1, 0, "x", "upper", None, [], {}, 2.0])
    elif action == 2:
        v[k] = R.choice([0, 1, -1, 2, 1.0, 0.5, True, False, None, "", "x", "string", "date", "upper", "abc", "QUJD", "a-_b", [], {}, ["x"], {"type": "blakeHash"}, {"type": "ngram", "n": 2}, {"k": 3}, 1e400])
    else:
        w, j = R.choice(places)
        v[k] = json.loads(json.dumps(w[j]))
    return doc


def accepted(doc):
    try:
        schema.from_json_dict(json.loads(json.dumps(doc)))
        return True
    except Exception:
        return False


def encode(doc, secret, rows, validate):
    s = schema.from_json_dict(json.loads(json.dumps(doc)))
    out = []
    for row in rows:
        try:
            bits = clk.generate_clks([row], s, secret, validate=validate, max_workers=1)[0]
            out.append(base64.b64encode(bits.tobytes()).decode())
        except Exception:
            out.append(None)
    return out


def csv_case():
    data = "".join(R.choice(["a", "1", ",", ",", '"', '"', "\n", "\r\n", "\r", " ", "é", "\0", "\u2028", "x,y\n", '"p,q"', '"r""s"']) for _ in range(R.randrange(0, 25)))
    raw = data.encode("utf-8")
    try:
        rows = list(csv.reader(io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8")))
    except csv.Error:
        return None
    return {"csv": base64.b64encode(raw).decode(), "rows": rows}


def ranges(predicate):
    out, start = [], None
    for c in range(0x110001):
        inside = c < 0x110000 and not 0xD800 <= c < 0xE000 and predicate(c)
        if inside and start is None:
            start = c
        if not inside and start is not None:
            out.append([start, c - 1])
            start = None
    return out


def fold_classes():
    """Characters that are equal under re.IGNORECASE, as lists of more than one."""
    parent = {}

    def find(c):
        while parent.setdefault(c, c) != c:
            c = parent[c]
        return c
    for c in range(0x110000):
        low = _sre.unicode_tolower(c)
        if low != c:
            parent[find(c)] = find(low)
    for c, others in _casefix._EXTRA_CASES.items():
        for o in others:
            parent[find(o)] = find(c)
    classes = {}
    for c in list(parent):
        classes.setdefault(find(c), []).append(c)
    return [sorted(c) for c in classes.values() if len(c) > 1]


out = {"seed": args.seed, "unicode": unicodedata.unidata_version, "encodings": [], "schemas": [], "patterns": [], "dates": [], "numbers": [], "csv": [], "base64": []}
while len(out["encodings"]) < args.schemas:
    doc, rows = schema_case()
    for m in [doc] + [mutate(doc) for _ in range(6)]:
        try:
            out["schemas"].append({"schema": json.dumps(m, allow_nan=False), "accepted": accepted(m)})
        except ValueError:
            pass  # Infinity is no JSON
    if not accepted(doc):
        continue
    secret, validate = "".join(R.choice(ALPHABET) for _ in range(R.randrange(0, 20))), maybe(0.7)
    out["encodings"].append({"schema": json.dumps(doc), "secret": secret, "validate": validate, "rows": rows, "clks": encode(doc, secret, rows, validate)})
while len(out["patterns"]) < 10 * args.schemas:
    c = pattern_case()
    if c:
        out["patterns"].append(c)
for _ in range(20 * args.schemas):
    fmt = R.choice(FORMATS)
    value = date(fmt)
    spec = field_formats.DateSpec("d", None, fmt)
    try:
        got = spec._format_regular_value(value)
    except Exception:
        got = None
    out["dates"].append([fmt, value, got])
for _ in range(10 * args.schemas):
    value = number() if maybe(0.5) else "".join(R.choice("0123456789__..eE+- ٣\u00a0\x1c") for _ in range(R.randrange(0, 8)))
    t, r, precision = R.choice([1, 3, 2.5, 0.1, 7, 9007199254740993, 123456789012345678901]), R.randrange(1, 4), R.randrange(0, 4)
    try:
        got = list(NumericComparison(t, r, precision).tokenize(value))
    except Exception:
        got = None
    try:
        whole = str(int(value, base=10))
    except ValueError:
        whole = None
    try:
        NumericComparison(t, r, precision)
    except ValueError:
        continue
    out["numbers"].append({"value": value, "threshold": repr(t), "resolution": r, "precision": precision, "tokens": got, "integer": whole})
for _ in range(10 * args.schemas):
    value = "".join(R.choice("ABCZaz019+/-_= \n") for _ in range(R.randrange(0, 14)))
    try:
        got = base64.b64decode(value).hex()
    except Exception:
        got = None
    out["base64"].append([value, got])
for _ in range(10 * args.schemas):
    c = csv_case()
    if c:
        out["csv"].append(c)
out["characters"] = {
    "upper": ranges(lambda c: chr(c).upper() == chr(c)), "lower": ranges(lambda c: chr(c).lower() == chr(c)),
    "space": ranges(lambda c: chr(c).isspace()), "word": ranges(lambda c: re.match(r"\w", chr(c)) is not None),
    "digits": [[c, unicodedata.decimal(chr(c))] for c in range(0x110000) if chr(c).isdecimal()],
    "unassigned": ranges(lambda c: unicodedata.category(chr(c)) == "Cn"), "folds": fold_classes(),
}
with open(args.out, "w") as f:
    json.dump(out, f)
print({k: len(v) for k, v in out.items() if isinstance(v, list)}, "accepted", sum(c["accepted"] for c in out["schemas"]),
      "rows", sum(len(c["rows"]) for c in out["encodings"]), "encoded", sum(c is not None for e in out["encodings"] for c in e["clks"]))
