"""Copies our share of the vectors that clkhash 0.18.3 made: python3 pick.py SHARED/vectors/clkhash/generated

Every third file and every file with a trap in its name, four rows of each spread over the file, so that
tests run where the shared folder is not. The case files are copied without the peer's messages.
"""
import glob
import json
import os
import sys

KEEP = ("xor", "utf-", "singular", "missing", "camelCase", "16bit", "fp3", "fp20", "secret_empty", "round", "dates", "integers", "63_fields",
        "v1_", "v2_", "sha512", "bpf7", "bpt33", "l1000", "l7_")
ROWS = 4

source, target = sys.argv[1], os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
os.makedirs(target, exist_ok=True)


def write(name, value):
    with open(os.path.join(target, name), "w", encoding="utf-8", newline="\n") as f:
        json.dump(value, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


for name in ("schema_cases.json", "value_cases.json", "csv_cases.json"):
    with open(os.path.join(source, name), encoding="utf-8") as f:
        cases = json.load(f)
    for case in cases["cases"]:
        for key in ("message", "validate_message", "format_message", "validate_error", "note", "description"):
            case.pop(key, None)
    write(name, cases)
for i, path in enumerate(sorted(glob.glob(os.path.join(source, "v[123]_*.json")))):
    name = os.path.basename(path)
    if "platform_dependent" in name or "l16384" in name or "l4096" in name or (i % 3 and not any(word in name for word in KEEP)):
        continue
    with open(path, encoding="utf-8") as f:
        vector = json.load(f)
    rows = 2 if "l131072" in name else ROWS
    step = max(1, len(vector["rows"]) // rows)
    for key in ("rows", "clks", "popcounts"):
        vector[key] = vector[key][::step][:rows]
    if "l131072" in name:
        vector["rows"], vector["clks"], vector["popcounts"] = vector["rows"][:1], vector["clks"][:1], vector["popcounts"][:1]
    del vector["trace_first_rows"]
    vector["derived_keys_hex"] = vector["derived_keys_hex"][:2]
    write(name, vector)
