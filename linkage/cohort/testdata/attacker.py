"""An attacker from another hand: reads releases as they are published and bounds
every hidden figure with HiGHS (scipy). It shares no code with the package.

Reads one JSON object a line:
  parties   names, in order
  needs     [[need, [value, ...]], ...]  ("" is the value of a yes-no need)
  single    true: nobody has two values of one category, and this is known
  least, base, hide_zero   the rule
  zero_marked              a mark may stand for 0
  all       every combination is listed
  rows      [table, [party], at_least, [[need, value]], count or null, small]
            (small: hidden for being small itself. The told attacker uses it; for
            the others it only says which figures to attack)
  own       exact totals known to the attacker: {party: count}
  said      what it said of its own persons: [[party, need, value, count]]
  told      whether it is told which marks stand for small figures, and
  dropped   [[party]]: which combinations were held back from a list of the largest
Writes for each line [[low, high, low0, high0] for every small row]: the bounds
from everything, and those from its own totals alone.
"""
import json
import sys
from itertools import product

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix


def attack(job):
    parties, least, base = job["parties"], job["least"], job["base"]
    bit = {p: 1 << i for i, p in enumerate(parties)}
    slots = [(n, v) for n, values in job["needs"] for v in values]
    atoms = []
    for s in range(1, 1 << len(parties)):
        for c in product([0, 1], repeat=len(slots)):
            have = [slot for slot, x in zip(slots, c) if x]
            names = [n for n, _ in have]
            if job["single"] and len(set(names)) < len(names):
                continue
            atoms.append((s, frozenset(have)))

    def covered(row):
        table, ps, k, needs = row[:4]
        mask = sum(bit[p] for p in ps)
        want = {tuple(x) for x in needs}
        if table == "combination":
            return [j for j, (s, _) in enumerate(atoms) if s == mask]
        if table == "at-least":
            return [j for j, (s, _) in enumerate(atoms) if bin(s).count("1") >= k]
        return [j for j, (s, c) in enumerate(atoms) if s & mask == mask and want <= c]

    def line(js):
        a = np.zeros(len(atoms))
        a[js] = 1
        return a

    def meaning(shown):
        if shown == 0:
            return 0, 0
        fits = [n for n in range(max(least, shown - base), shown + base + 1) if (n + base // 2) // base * base == shown]
        return fits[0], fits[-1]

    zero = 0 if job["zero_marked"] or job["hide_zero"] else 1
    known, seen, hidden = [], [], []
    for p, n in job["own"].items():
        known.append((line(covered(["party", [p], 0, []])), n, n))
    for p, need, value, n in job["said"]:
        known.append((line(covered(["need-party", [p], 0, [[need, value]]])), n, None))
    listed, smallest = {}, None
    for row in job["rows"]:
        a, count = line(covered(row)), row[4]
        if count is not None:
            low, high = meaning(count)
        elif row[5] and job["told"]:
            low, high = zero, least - 1
        else:
            low, high = zero, None
        seen.append((a, low, high))
        if count is None:
            hidden.append((a, row))
        if row[0] == "combination":
            listed[sum(bit[p] for p in row[1])] = count
            if count is not None and (smallest is None or count < smallest):
                smallest = count
    if not job["all"] and job["told"]:
        for ps in job["dropped"]:
            listed[sum(bit[p] for p in ps)] = None
        # None is listed when too many are alike; then nothing is known.
        most = max(least - 1, meaning(smallest - base)[1]) if smallest is not None else None
        for s in range(1, 1 << len(parties)):
            if s not in listed and most is not None:
                seen.append((line([j for j, (t, _) in enumerate(atoms) if t == s]), None, most))

    def solver(facts):
        up = [(a, h) for a, l, h in facts if h is not None and h != l]
        dn = [(-a, -l) for a, l, h in facts if l is not None and h != l and l > 0]
        eq = [(a, l) for a, l, h in facts if h is not None and h == l]
        args = {}
        if up + dn:
            args["A_ub"], args["b_ub"] = csr_matrix(np.array([a for a, _ in up + dn])), [b for _, b in up + dn]
        if eq:
            args["A_eq"], args["b_eq"] = csr_matrix(np.array([a for a, _ in eq])), [b for _, b in eq]

        def solve(c):
            out = []
            for sign in (1, -1):
                r = linprog(sign * c, bounds=(0, None), method="highs", **args)
                if r.status in (3, 4) and sign == -1:  # unbounded; HiGHS may not say which
                    out.append(1e18)
                elif r.status == 0:
                    out.append(sign * r.fun)
                else:
                    raise SystemExit(f"attacker: no solution: {r.message}")
            return out

        return solve

    full, blind = solver(known + seen), solver(known)
    return [full(a) + blind(a) for a, row in hidden if row[5]]


for text in sys.stdin:
    print(json.dumps(attack(json.loads(text))), flush=True)
