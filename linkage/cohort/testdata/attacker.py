"""An attacker from another hand: reads releases as they are published and bounds
every hidden figure with HiGHS (highspy). It shares no code with the package.

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

import highspy
import numpy as np


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
        """The facts as one model, which is kept: only what is asked for changes, so
        that HiGHS goes on from the last corner instead of beginning again."""
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(atoms), len(facts)
        lp.col_cost_ = np.zeros(len(atoms))
        lp.col_lower_, lp.col_upper_ = np.zeros(len(atoms)), np.full(len(atoms), highspy.kHighsInf)
        lp.row_lower_ = np.array([0 if low is None else low for _, low, _ in facts], dtype=float)
        lp.row_upper_ = np.array([highspy.kHighsInf if high is None else high for _, _, high in facts], dtype=float)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        places = [np.flatnonzero(a) for a, _, _ in facts]
        lp.a_matrix_.start_ = np.cumsum([0] + [len(p) for p in places])
        lp.a_matrix_.index_ = np.concatenate(places) if places else np.zeros(0, dtype=int)
        lp.a_matrix_.value_ = np.ones(sum(len(p) for p in places))
        h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        h.setOptionValue("simplex_strategy", 4)  # primal: the last corner stays feasible
        h.passModel(lp)
        every = np.arange(len(atoms), dtype=np.int32)

        def solve(c):
            out = []
            h.changeColsCost(len(atoms), every, c)
            for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
                h.changeObjectiveSense(sense)
                h.run()
                status = h.getModelStatus()
                unbounded = highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible
                if status in unbounded and sense == highspy.ObjSense.kMaximize:
                    out.append(1e18)
                elif status == highspy.HighsModelStatus.kOptimal:
                    out.append(h.getInfo().objective_function_value)
                else:
                    raise SystemExit(f"attacker: no solution: {h.modelStatusToString(status)}")
            return out

        return solve

    full, blind = solver(known + seen), solver(known)
    return [full(a) + blind(a) for a, row in hidden if row[5]]


for text in sys.stdin:
    print(json.dumps(attack(json.loads(text))), flush=True)
