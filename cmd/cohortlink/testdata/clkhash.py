"""Writes the clks JSON that clkhash makes of a CSV file, as "anonlink encode" writes it:

    pip install clkhash          # 0.18.3
    python3 clkhash.py SCHEMA.json SECRET-FILE DATA.csv OUT.json
"""
import json
import os
import sys
import time

sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]  # not this file

from clkhash import clk, schema, serialization

with open(sys.argv[1]) as f:
    linkage = schema.from_json_file(f)
with open(sys.argv[2]) as f:
    secret = f.read().rstrip("\n")
start = time.process_time()
with open(sys.argv[3]) as f:
    clks = clk.generate_clk_from_csv(f, secret, linkage, progress_bar=False, max_workers=1)
with open(sys.argv[4], "w") as f:
    json.dump({"clks": [serialization.serialize_bitarray(c) for c in clks]}, f)
print("%d rows, %.2f s of processor time" % (len(clks), time.process_time() - start))
