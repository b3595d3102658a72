"""The fewest figures that have to be hidden, beside the small ones, so that no attacker
of attacker.py bounds one of those more tightly than allowed.

Reads stories of one release, as attacker.py does, with told: whether the release was
made to be safe from one who is told which marks stand for small figures, and seconds.
Writes for each {small, hidden: how many figures it hid beside them, least, most: the
fewest that would do lie between; most is null where the time ran out before an answer}.

Each hidden set that fails gives its reason: the prices of the linear program name the
shown figures that the bound rests on, one of which must be hidden as well. So the answer
is the smallest set that hits all such reasons, found by going back and forth between
the two (Moreno-Centeno and Karp 2013, implicit hitting sets). It is exact for attackers
who use linear programs, and knows nothing of how the package searches.
"""
import json
import math
import sys
import time

import highspy
import numpy as np

from attacker import EPS, USE, Program, Story


def hit(reasons, n):
    """The smallest set of 0..n-1 that meets every reason."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n, len(reasons)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.ones(n), np.zeros(n), np.ones(n)
    lp.row_lower_, lp.row_upper_ = np.ones(len(reasons)), np.full(len(reasons), highspy.kHighsInf)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0] + [len(r) for r in reasons])
    lp.a_matrix_.index_ = np.array([i for r in reasons for i in sorted(r)], dtype=int)
    lp.a_matrix_.value_ = np.ones(sum(len(r) for r in reasons))
    lp.integrality_ = [highspy.HighsVarType.kInteger] * n
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    h.passModel(lp)
    h.run()
    return {i for i, x in enumerate(h.getSolution().col_value) if x > 0.5}


class Audit:
    """One attacker on one release, of which any set of figures may be hidden."""

    def __init__(self, story, who, told):
        doc = story.docs[0]
        rule, self.people, self.kinds = doc["rule"], story.people(0, who), story.kinds(0, who)
        attack = {"docs": [0], "who": who, "told": told, "use": sorted(USE - {"joint"})}
        self.own = story.facts(attack, [])
        self.keys = list(doc["figures"])
        self.rows, self.counts = [self.kinds.covered(k) for k in self.keys], [self.people.count(k) for k in self.keys]
        self.small = [rule.small(n) for n in self.counts]
        self.open = [None if s else rule.meaning(rule.round(n)) for n, s in zip(self.counts, self.small)]
        self.hidden = [(rule.zero, rule.least - 1 if told and s else None) for s in self.small]
        self.goals = []
        blind = Program(len(self.kinds.parties), self.own)
        for key, (x, n, low, high) in story.targets(attack).items():
            if n > low:
                self.goals.append((x, 1, max(low, math.ceil(blind.least(x)[0] - EPS))))
            if n < high:
                self.goals.append((x, -1, min(high, math.floor(blind.least(x, -1)[0] + EPS))))

    def reasons(self, hide):
        """Sets of shown figures, of each of which one must be hidden too; none when it
        is safe."""
        facts = [(x, *(self.hidden[i] if self.small[i] or i in hide else self.open[i])) for i, x in enumerate(self.rows)]
        program, out = Program(len(self.kinds.parties), facts + self.own, prune=False), []
        for x, sign, goal in self.goals:
            reached, _ = program.least(x, sign)
            if sign * (reached - goal) <= EPS:
                continue
            prices = np.abs(np.array(program.h.getSolution().row_dual[: len(facts)]))
            out.append(frozenset(i for i in np.flatnonzero(prices > 1e-9) if not self.small[i] and i not in hide))
        return out


def optimum(job):
    story = Story(job)
    doc = story.docs[0]
    start = time.monotonic()
    audits = [Audit(story, who, job["told"]) for who in range(-1, len(story.parties))]
    first = audits[0]
    ours = {i for i, k in enumerate(first.keys) if doc["figures"][k] is None and not first.small[i]}
    may = {i for i, n in enumerate(first.counts) if not first.small[i] and (n > 0 or doc["rule"].zero == 0)}
    answer = {"small": sum(first.small), "hidden": len(ours), "least": 0, "most": None, "safe": not any(a.reasons(ours) for a in audits)}
    reasons, hide = set(), set()
    while True:
        new = {r & may for a in audits for r in a.reasons(hide)}
        if not new:
            answer["most"] = len(hide)
            return answer
        if frozenset() in new:  # nothing that may be hidden helps
            answer["least"] = None
            return answer
        if time.monotonic() - start > job["seconds"]:
            return answer
        reasons |= new
        hide = hit(sorted(reasons, key=sorted), len(first.keys))
        answer["least"] = len(hide)


if __name__ == "__main__":
    for text in sys.stdin:
        print(json.dumps(optimum(json.loads(text))), flush=True)
