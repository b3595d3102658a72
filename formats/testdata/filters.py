"""Writes example.filters.hex, a filters file of version 1, from SPEC.md alone: a second implementation of the format.

    python3 filters.py > example.filters.hex
"""

import hashlib
import json
import struct


def line(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


header = {
    "project": "wokingham-frailty",
    "party": "gp-03",
    "schema": "5c" * 32,
    "key": "4e" * 16,
    "run": "0f" * 16,
    "seal": "none",
}
manifest = {
    "records": 3,
    "set_aside": 1,
    "deduplicated": False,
    "filters": [{"name": "person", "bits": 100, "encoding": "bloom/1", "similarity": "dice"}],
    "exact": ["nhs_number"],
    "needs": [{"name": "age_band", "kind": "category", "values": ["0–17", 'over "17"']}],
    "weak": [],
    "created": "2026-11-22",
    "tool": "filters.py",
}
# record ID, the bits that are set in the filter, exact key (None: missing), need (0: not known)
rows = [
    (bytes.fromhex("00112233445566778899aabbccddeeff"), [0, 64 + 35], b"\x11" * 16, 2),
    (bytes.fromhex("10112233445566778899aabbccddeeff"), [63, 64], None, 0),
    (bytes.fromhex("f0112233445566778899aabbccddeeff"), [], b"\x22" * 16, 1),
]

body = b""
for record_id, ones, exact, need in rows:
    words = [0, 0]  # 100 bits take two words
    for bit in ones:
        words[bit // 64] |= 1 << bit % 64
    body += record_id + struct.pack("<QQ", *words) + (exact or bytes(16)) + struct.pack("<H", need)

covered = b"cohortlink filters 1\n" + line(header) + line(manifest) + body
file = covered + hashlib.sha256(covered).digest() + struct.pack("<I", 0)

text = file.hex()
for at in range(0, len(text), 96):
    print(text[at : at + 96])
