"""Copies our share of the vectors that clkhash 0.18.3 made: python3 pick.py SHARED/vectors/clkhash/generated

Every third file and every file with a trap in its name, six rows of each spread over the file, so that
tests run where the shared folder is not. The case files are copied whole.
"""
import glob
import json
import os
import shutil
import sys

KEEP = ("xor", "utf-", "singular", "missing", "camelCase", "16bit", "fp3", "fp20", "secret_empty", "round", "dates", "integers", "63_fields",
        "v1_", "v2_", "sha512", "bpf7", "bpt33", "l1000", "l7_")
ROWS = 6

source, target = sys.argv[1], os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
os.makedirs(target, exist_ok=True)
for name in ("schema_cases.json", "value_cases.json", "csv_cases.json"):
    shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
for i, path in enumerate(sorted(glob.glob(os.path.join(source, "v[123]_*.json")))):
    name = os.path.basename(path)
    if "platform_dependent" in name or "l16384" in name or (i % 3 and not any(word in name for word in KEEP)):
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
    with open(os.path.join(target, name), "w", encoding="utf-8") as f:
        json.dump(vector, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")
