"""Writes blake2b.json: digests by Python's hashlib, another implementation of BLAKE2b, with keys and salts."""
import hashlib
import json
import os

cases = []
for key_length in (1, 7, 32, 63, 64):
    for j in (0, 1, 9, 10, 123):
        for length in (1, 2, 5, 127, 128, 129, 256, 300):
            key, message = bytes(range(key_length)), bytes((i * 7 + j) % 256 for i in range(length))
            digest = hashlib.blake2b(message, key=key, salt=str(j).encode()).hexdigest()
            if (key_length + j + length) % 3 == 0:
                cases.append({"key": key.hex(), "salt": str(j), "message": message.hex(), "digest": digest})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "blake2b.json"), "w") as f:
    json.dump(cases, f, indent=0)
    f.write("\n")
