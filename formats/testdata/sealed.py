"""Writes example.inside.hex, from SPEC.md and RFC 8032 alone: what a party signs and seals, a second implementation of all of a sealed
filters file but age. It takes the content from example.filters.hex, which filters.py writes, and the keys from example.*.identity.

    python3 sealed.py > example.inside.hex

First the clear head, then, on a line of its own, "--", then what is within the seal.
"""

import base64
import hashlib
import json
import pathlib
import struct

here = pathlib.Path(__file__).parent


# Ed25519, RFC 8032 sections 5.1.5 and 5.1.6, in affine coordinates: slow, and for keys that everybody knows.
p = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
d = -121665 * pow(121666, -1, p) % p
Bx = 15112221349535400772501151409588531511454012693041857206046113283949847762202
B = (Bx, 4 * pow(5, -1, p) % p)


def add(P, Q):
    (x1, y1), (x2, y2) = P, Q
    k = d * x1 * x2 * y1 * y2 % p
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - k, -1, p) % p


def times(n, P):
    R = (0, 1)
    while n:
        if n & 1:
            R = add(R, P)
        P, n = add(P, P), n >> 1
    return R


def encode(P):
    return (P[1] | (P[0] & 1) << 255).to_bytes(32, "little")


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
    return a, h[32:], encode(times(a, B))


def sign(seed, message):
    a, prefix, A = expand(seed)
    r = number(prefix, message) % L
    R = encode(times(r, B))
    return R + ((r + number(R, A, message) * a) % L).to_bytes(32, "little")


def identity(name):
    lines = (here / name).read_text().splitlines()
    fields = dict(line.split(": ", 1) for line in lines[1:] if not line.startswith("#"))
    raw = base64.b32decode(fields["signing"] + "=" * (-len(fields["signing"]) % 8))
    seed, check = raw[:32], raw[32:]
    assert check == hashlib.sha256(b"cohortlink/v1/identity-file\x00" + seed).digest()[:5]
    assert fields["signs"] == "ed25519:" + expand(seed)[2].hex()
    return seed, fields


seed, partner = identity("example.partner.identity")
_, unit = identity("example.unit.identity")

clear = bytes.fromhex((here / "example.filters.hex").read_text())
version, header, rest = clear.split(b"\n", 2)
content = rest[:-36]  # manifest and rows, without digest and signature length

header = json.loads(header)
header["seal"] = "age"
header["bytes"] = len(content) + 32 + 4 + 64
header["recipient"] = hashlib.sha256(unit["recipient"].encode()).hexdigest()
header["signer"] = partner["signs"].removeprefix("ed25519:")
head = version + b"\n" + json.dumps(header, separators=(",", ":")).encode() + b"\n"

digest = hashlib.sha256(head + content).digest()
signature = sign(seed, b"cohortlink/v1/sign/filters\x00" + digest)
inside = content + digest + struct.pack("<I", len(signature)) + signature


def show(data):
    for at in range(0, len(data), 48):
        print(data[at : at + 48].hex())


show(head)
print("--")
show(inside)
