"""An attacker from another hand, for releases that count persons and households: it
bounds every small figure with HiGHS (highspy), over households of few persons.

Reads one JSON object a line:
  parties, need   names; the need is yes or no, and may be ""
  by              who declares the need
  size            the most persons of a household
  least, base     the rule; zero_marked: a mark may stand for 0
  rows            [table, [party], at_least, whether with the need, count or null, small]
  alone           persons in no known household, of all
  own             null, or what the attacker has of its own: {party, alone,
                  homes: {persons of its own in them: households}, said: [persons, households]}
Writes for each line [[low, high, low0, high0] for every small row]: the bounds from
everything, and those from what it had before.
"""
import json
import sys
from itertools import combinations_with_replacement

import highspy
import numpy as np


def attack(job):
    parties, least, base = job["parties"], job["least"], job["base"]
    people = []
    for s in range(1, 1 << len(parties)):
        who = {p for i, p in enumerate(parties) if s >> i & 1}
        people.append((who, False))
        if job["need"] and who & set(job["by"]):
            people.append((who, True))
    units = [([x], False) for x in people]
    for size in range(1, job["size"] + 1):
        units += [(list(home), True) for home in combinations_with_replacement(people, size)]

    def holds(row, who, carries):
        table, ps, k, need = row[:4]
        if table == "combination":
            return who == set(ps)
        return set(ps) <= who and len(who) >= k and (carries or not need)

    def line(count):
        return np.array([float(count(home, known)) for home, known in units])

    def of(row):
        if not row[0].startswith("household"):
            return line(lambda home, _: sum(holds(row, *x) for x in home))
        return line(lambda home, known: known and holds(row, set().union(*(w for w, _ in home)), any(c for _, c in home)))

    known = [(line(lambda home, known: not known), job["alone"], job["alone"])]
    own = job["own"]
    if own:
        me = own["party"]
        known.append((line(lambda home, known: not known and me in home[0][0]), own["alone"], own["alone"]))
        for k in range(1, job["size"] + 1):
            n = own["homes"].get(str(k), 0)
            known.append((line(lambda home, known: known and sum(me in w for w, _ in home) == k), n, n))
        if job["need"] and me in job["by"]:
            high = 0 if len(job["by"]) == 1 else None
            for n, a in zip(own["said"], (
                line(lambda home, _: sum(me in w and c for w, c in home)),
                line(lambda home, known: known and any(me in w and c for w, c in home)),
            )):
                known.append((a, n, n if high == 0 else None))
    zero = 0 if job["zero_marked"] else 1
    seen, targets = [], []
    for row in job["rows"]:
        a, count = of(row), row[4]
        if count is None:
            seen.append((a, zero, None))
            if row[5]:
                targets.append(a)
        elif count == 0:
            seen.append((a, 0, 0))
        else:
            fits = [n for n in range(max(least, count - base), count + base + 1) if (n + base // 2) // base * base == count]
            seen.append((a, fits[0], fits[-1]))

    def bounds(facts):
        h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        inf = highspy.kHighsInf
        for _ in units:
            h.addVar(0, inf)
        for a, low, high in facts:
            js = np.flatnonzero(a)
            h.addRow(low, inf if high is None else high, len(js), js, a[js])
        out = []
        for a in targets:
            ends = []
            for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
                for j, c in enumerate(a):
                    h.changeColCost(j, c)
                h.changeObjectiveSense(sense)
                h.run()
                status = h.getModelStatus()
                if status == highspy.HighsModelStatus.kOptimal:
                    ends.append(h.getInfo().objective_function_value)
                elif status in (highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible):
                    ends.append(1e9)
                else:
                    raise SystemExit(f"no answer: {status}")
            out.append(ends)
        return out

    return [a + b for a, b in zip(bounds(known + seen), bounds(known))]


for text in sys.stdin:
    print(json.dumps(attack(json.loads(text))), flush=True)
