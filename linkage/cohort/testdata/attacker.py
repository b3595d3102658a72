"""An attacker from another hand: reads releases as they are published (counts.json)
and bounds every hidden figure with HiGHS (highspy). It shares no code with the package:
it counts persons itself, reads conditions itself, and sets up its own programs.

An attacker is a stranger or one of the parties. All know the project file (parties,
needs and who declares them) and every release so far. A party also knows, exactly, its
own persons: how many they are, what it said of them itself, need by need and all its
needs together, and which of them are members of a cohort that it was given.

Reads one JSON object a line, a story:
  parties   names, in order
  needs     [{name, kind, values, by: [party] or null where it is not known}]
  people    [[[in, says, n], ...], ...]: the persons of one linkage or of several:
            in: bits of parties; says: [[party, need, value], ...] by position
  docs      [{counts: counts.json, people: of which linkage, dropped: [[party]], beside,
            given: [[party, condition]], whole: no safety in it rests on parts of persons}]
  attacks   [{docs: which, in order, who: position of a party or -1, told, alone, use}]
            told: whether it is told which marks stand for small figures, and which
            combinations were held back from a list of the largest (dropped)
            alone: the releases were made without regard to each other, so that nothing
            but the attacker's own numbers counts as known before the last one
            use: which kinds of knowledge it has, of USE
  optimum   see optimum.py
Writes a JSON list a line, for each attack {small: how many small figures were attacked,
tight: those bounded more tightly than allowed, recovered: how many of them exactly,
whole, undecided: as whole below; wrong: figures that are not what the rule says}.

What is allowed: a small figure may be bounded by what its mark says, and by what the
attacker's own numbers and the releases before the last one gave away already. whole
counts figures which no linear program bounds too tightly and whole numbers do, where
every release of the attack says that its safety rests on whole persons.
"""
import json
import math
import re
import sys
from itertools import chain, combinations, product

import highspy
import numpy as np

USE = {"tables", "needs", "questions", "earlier", "own", "joint", "given"}
GROUP = {t: "tables" for t in ("people", "party", "pair", "combination", "at-least")}
GROUP.update({t: "needs" for t in ("need", "need-party", "need-pair", "need-twice")}, question="questions")
# Rules as published: smallest count shown, rounding, whether 0 is hidden too.
PRESETS = {"hes": (8, 5, 0), "opensafely": (8, 5, 1), "ten": (10, 5, 1), "gpps": (5, 5, 0), "ons": (10, 5, 0)}
MANY = 1e5  # more persons than any world needs of a kind
EPS = 1e-5
WHOLE_COLUMNS, WHOLE_SECONDS = 600, 10


class Rule:
    def __init__(self, counts):
        self.least, self.base, self.zero_too = counts["smallest_count_shown"], counts["rounded_to"], False
        if counts["rule"] in PRESETS:
            least, base, self.zero_too = PRESETS[counts["rule"]]
            assert (least, base) == (self.least, self.base), "the rule is not the published one"
        self.zero = 0 if counts["mark_may_be_zero"] else 1  # what a mark may stand for

    def small(self, n):
        return n < self.least and (n > 0 or bool(self.zero_too))

    def round(self, n):
        return (n + self.base // 2) // self.base * self.base

    def meaning(self, shown):
        if shown == 0:
            return 0, 0
        fits = [n for n in range(max(self.least, shown - self.base), shown + self.base + 1) if self.round(n) == shown]
        return fits[0], fits[-1]

    def mark(self):
        return (0 if self.zero_too else 1), self.least - 1


class Kinds:
    """Kinds of person, as arrays: the parties they are in (bits), the needs that are
    said of them (bits, one for each value), those that two parties or more say, and
    those that one party, who, says."""

    def __init__(self, story, rows):
        self.story = story
        self.parties, self.said, self.twice, self.own = (np.array(c, dtype=np.int64) for c in zip(*rows))
        self.cache = {}

    def where(self, text, within):
        """The kinds that meet a condition, as an array of booleans."""
        words = [("quoted", m[1]) if m[1] is not None else ("word", m[2]) if m[2] else ("sign", m[3])
                 for m in re.finditer(r'"([^"]*)"|([\w\-+.:/&]+)|([<>!]?=|[<>()])', text)]
        inside = self.parties & within
        sizes = np.array([bin(s).count("1") for s in inside])
        at = 0

        def peek(*wanted):
            return at < len(words) and words[at] in [("word" if w.isalpha() else "sign", w) for w in wanted]

        def take():
            nonlocal at
            at += 1
            return words[at - 1]

        def either():
            x = both()
            while peek("or"):
                take()
                x = x | both()
            return x

        def both():
            x = one()
            while peek("and"):
                take()
                x = x & one()
            return x

        def one():
            if peek("not"):
                take()
                return ~one()
            if peek("("):
                take()
                x = either()
                assert take() == ("sign", ")")
                return x
            kind, name = take()
            if kind == "word" and name == "parties" and at < len(words) and words[at][0] == "sign" and words[at][1] not in "()":
                sign, k = take()[1], int(take()[1])
                return {"=": sizes == k, "!=": sizes != k, "<": sizes < k, "<=": sizes <= k, ">": sizes > k, ">=": sizes >= k}[sign]
            only = None
            if kind == "word" and name.split(":")[0] in ("party", "need"):
                only, _, name = name.partition(":")
                if name == "":
                    name = take()[1]
            if only != "need" and name in self.story.parties:
                return inside >> self.story.parties.index(name) & 1 == 1
            need = self.story.need[name]
            if self.story.needs[need]["kind"] == "yes-no":
                if peek(">="):
                    take()
                    assert take() == ("word", "2")
                    return self.twice >> self.story.slot[need, 0] & 1 == 1
                return self.said >> self.story.slot[need, 0] & 1 == 1
            sign, value = take()[1], take()[1]
            has = self.said >> self.story.slot[need, self.story.needs[need]["values"].index(value)] & 1 == 1
            return has if sign == "=" else ~has

        x = either() if words else np.ones(len(self.parties), dtype=bool)
        assert at == len(words), text
        return x

    def covered(self, key):
        """The kinds that a figure counts."""
        if key in self.cache:
            return self.cache[key]
        table, where, parties, k, needs, within = key
        mask = sum(1 << self.story.parties.index(p) for p in parties)
        inside = self.parties & within
        bits = 0
        for n, v in needs:
            need = self.story.need[n]
            bits |= 1 << self.story.slot[need, self.story.needs[need]["values"].index(v) if v else 0]
        if table == "combination":
            x = inside == mask
        else:
            x = (inside & mask == mask) & (self.said & bits == bits) & (inside != 0)
        if table == "at-least":
            x &= np.array([bin(s).count("1") >= k for s in inside])
        if table == "need-twice":
            x &= self.twice & bits == bits
        if table == "question":
            x &= self.where(where, within)
        self.cache[key] = x
        return x


class People(Kinds):
    """The persons of a linkage, as who."""

    def __init__(self, story, people, who):
        rows, self.n = [], []
        for inside, says, n in people:
            said = twice = own = 0
            by = {}
            for p, need, v in says:
                by.setdefault(story.slot[need, v], set()).add(p)
            for slot, sayers in by.items():
                said |= 1 << slot
                twice |= (len(sayers) > 1) << slot
                own |= (who in sayers) << slot
            rows.append((inside, said, twice, own))
            self.n.append(n)
        self.n = np.array(self.n, dtype=np.int64)
        super().__init__(story, rows)

    def count(self, key):
        return int(self.n[self.covered(key)].sum())


class Story:
    def __init__(self, job):
        self.parties, self.needs, self.docs = job["parties"], job["needs"], job["docs"]
        self.every = (1 << len(self.parties)) - 1
        self.need = {n["name"]: i for i, n in enumerate(self.needs)}
        self.slot, self.job = {}, job
        for i, n in enumerate(self.needs):
            for v in range(max(1, len(n["values"] or []))):
                self.slot[i, v] = len(self.slot)
        self.linkages, self.spaces = {}, {}
        self.tracked = {i for i, n in enumerate(self.needs) if n["kind"] == "yes-no" and n["by"] is not None and len(n["by"]) > 1}
        for d in self.docs:
            d["rule"] = Rule(d["counts"])
            d["within"] = sum(1 << self.parties.index(p) for p in d["counts"]["parties"])
            d["figures"] = {}
            for f in d["counts"]["figures"]:
                key = (f["table"], f.get("where", ""), tuple(f.get("parties", [])), f.get("at_least", 0),
                       tuple((n["need"], n.get("value", "")) for n in f.get("needs", [])), d["within"])
                d["figures"][key] = f["count"]

    def people(self, linkage, who):
        if (linkage, who) not in self.linkages:
            self.linkages[linkage, who] = People(self, self.job["people"][linkage], who)
        return self.linkages[linkage, who]

    def kinds(self, linkage, who):
        """Every kind of person that an attacker can believe in."""
        if (linkage, who) in self.spaces:
            return self.spaces[linkage, who]
        there = self.people(linkage, who)
        states = []
        for i, n in enumerate(self.needs):
            by = self.every if n["by"] is None else sum(1 << p for p in n["by"])
            slots = [self.slot[i, v] for v in range(max(1, len(n["values"] or [])))]
            mask = sum(1 << s for s in slots)
            # What is known of a category: that nobody has two values, or that everybody
            # in a party has one.
            single = all(bin(x).count("1") < 2 for x in there.said & mask)
            complete = self.every
            for s, x in zip(there.parties, there.said & mask):
                complete &= self.every if x else ~int(s)
            states.append((i, n["kind"], by, slots, single, complete))

        def options(inside, i, kind, by, slots, single, complete):
            own = who >= 0 and (inside & by) >> who & 1
            others = bin(inside & by).count("1") - own
            if kind == "yes-no":
                bit, twice = 1 << slots[0], (1 << slots[0] if i in self.tracked else 0)
                yield 0, 0, 0
                if own:
                    yield bit, 0, bit
                if others:
                    yield bit, 0, 0
                if twice and own and others:
                    yield bit, twice, bit
                if twice and others > 1:
                    yield bit, twice, 0
                return
            if not inside & complete:
                yield 0, 0, 0
            sets = ([s] for s in slots) if single else chain(*(combinations(slots, k) for k in range(1, len(slots) + 1)))
            for chosen in sets:
                bits = [1 << s for s in chosen]
                for k in range(len(bits) + 1 if own else 1):
                    if k < len(bits) and not others:
                        continue
                    for mine in combinations(bits, k):
                        yield sum(bits), 0, sum(mine)

        rows = []
        for inside in range(1, self.every + 1):
            for parts in product(*(list(options(inside, *s)) for s in states)):
                rows.append((inside, sum(p[0] for p in parts), sum(p[1] for p in parts), sum(p[2] for p in parts)))
        self.spaces[linkage, who] = Kinds(self, rows)
        return self.spaces[linkage, who]

    def wrong(self, doc):
        """Figures of a release that are not what the rule makes of the count."""
        out, rule, people = [], doc["rule"], self.people(doc["people"], -1)
        for key, shown in doc["figures"].items():
            n = people.count(key)
            if shown is not None and (rule.small(n) or shown != rule.round(n)):
                out.append(f"{key[:5]} is shown as {shown}")
        return out

    def facts(self, attack, docs):
        """What an attacker knows: (kinds, low, high); None for no limit."""
        use = set(attack.get("use") or USE)
        who, told = attack["who"], attack["told"]
        last = attack["docs"][-1]
        now = self.docs[last]["people"]
        people, kinds = self.people(now, who), self.kinds(now, who)
        out = []
        if who >= 0 and "own" in use:
            key = ("party", "", (self.parties[who],), 0, (), self.every)
            out.append((kinds.covered(key), people.count(key), people.count(key)))
            out += self.own(people, kinds, who, "joint" in use, np.ones(len(kinds.parties), dtype=bool), np.ones(len(people.n), dtype=bool))
        for d in docs:
            doc = self.docs[d]
            if "earlier" not in use and d != last:
                continue
            rule, then = doc["rule"], doc["people"] != now
            listed, smallest = set(), None
            for key, shown in doc["figures"].items():
                table, parties = key[0], key[2]
                if table == "combination":
                    listed.add(parties)
                    if shown is not None and (smallest is None or shown < smallest):
                        smallest = shown
                if GROUP[table] not in use:
                    continue
                n = people.count(key)
                if shown is not None:
                    low, high = rule.meaning(shown)
                    if then and self.docs[last]["beside"] and not low <= n <= high:
                        continue  # of the same records: known to have changed
                else:
                    low, high = rule.zero, rule.least - 1 if told and rule.small(n) else None
                if then:  # of other persons: taken for those of today as far as that can be
                    low, high = min(low, n), None if high is None else max(high, n)
                out.append((kinds.covered(key), low, high))
            if told and not then and doc["counts"]["combinations"] == "largest" and "tables" in use and smallest is not None:
                listed |= {tuple(p) for p in doc["dropped"]}
                # None is listed when too many are alike; then nothing is known.
                most = max(rule.least - 1, rule.meaning(smallest - rule.base)[1])
                for s in range(1, self.every + 1):
                    names = tuple(p for i, p in enumerate(self.parties) if s >> i & 1)
                    if names not in listed:
                        out.append((kinds.parties == s, None, most))
            for party, where in doc["given"]:
                if who < 0 or party != self.parties[who] or "given" not in use:
                    continue
                key = ("question", where, (party,), 0, (), doc["within"])
                n, before = people.count(key), self.people(doc["people"], who).count(key)
                out.append((kinds.covered(key), min(n, before), max(n, before)))
                if not then and "joint" in use:
                    out += self.own(people, kinds, who, True, kinds.covered(key), people.covered(key))
        return out

    def own(self, people, kinds, who, joint, among, there):
        """What a party knows by what it said itself of its own persons, or of some of them."""
        out, mine = [], kinds.parties >> who & 1 == 1
        theirs = people.parties >> who & 1 == 1
        if joint:
            for said in set(kinds.own[mine & among]):
                n = int(people.n[theirs & there & (people.own == said)].sum())
                out.append((mine & among & (kinds.own == said), n, n))
            return out
        for slot in range(len(self.slot)):
            x = mine & among & (kinds.own >> slot & 1 == 1)
            if x.any():
                n = int(people.n[theirs & there & (people.own >> slot & 1 == 1)].sum())
                out.append((x, n, n))
        return out

    def targets(self, attack):
        """The small figures: {key: (kinds, count, low, high)}, with what their marks allow."""
        last = self.docs[attack["docs"][-1]]
        people, kinds = self.people(last["people"], attack["who"]), self.kinds(last["people"], attack["who"])
        use, marks = set(attack.get("use") or USE), {}
        for d in attack["docs"]:
            doc = self.docs[d]
            for key, shown in doc["figures"].items():
                if shown is not None or not doc["rule"].small(people.count(key)):
                    continue
                low, high = doc["rule"].mark()
                low = min(low, doc["rule"].zero)  # small by several rules: any of their marks may tell
                if key in marks:
                    low, high = max(low, marks[key][0]), min(high, marks[key][1])
                marks[key] = low, high
        zero = last["rule"].zero
        return {key: (kinds.covered(key), people.count(key), min(low, zero), high) for key, (low, high) in marks.items()}


class Program:
    """What is known as one linear program, which is kept: only what is asked for
    changes, so that HiGHS goes on from the last corner instead of beginning again."""

    def __init__(self, size, facts, whole=False, prune=True):
        self.keep = np.ones(size, dtype=bool)
        if prune:  # nobody is of a kind that a figure of 0 counts
            for x, _, high in facts:
                if high == 0:
                    self.keep &= ~x
            facts = [f for f in facts if f[2] != 0]
        rows = [(np.flatnonzero(x[self.keep]).astype(np.int32), low, high) for x, low, high in facts]
        n = self.n = int(self.keep.sum())
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = n, len(rows)
        lp.col_cost_ = np.zeros(n)
        lp.col_lower_, lp.col_upper_ = np.zeros(n), np.full(n, MANY)
        lp.row_lower_ = np.array([0 if low is None else low for _, low, _ in rows], dtype=float)
        lp.row_upper_ = np.array([highspy.kHighsInf if high is None else high for _, _, high in rows], dtype=float)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0] + [len(js) for js, _, _ in rows])
        lp.a_matrix_.index_ = np.concatenate([js for js, _, _ in rows]) if rows else np.zeros(0, dtype=int)
        lp.a_matrix_.value_ = np.ones(sum(len(js) for js, _, _ in rows))
        if whole:
            lp.integrality_ = [highspy.HighsVarType.kInteger] * n
        h = self.h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        h.setOptionValue("threads", 1)
        if whole:
            h.setOptionValue("time_limit", float(WHOLE_SECONDS))
        else:
            h.setOptionValue("simplex_strategy", 4)  # primal: the last corner stays feasible
        h.passModel(lp)
        self.every = np.arange(n, dtype=np.int32)

    def least(self, x, sign=1):
        """The least of a sum of kinds (sign -1: the most), and the world that has it."""
        self.h.changeColsCost(self.n, self.every, sign * x[self.keep].astype(float))
        self.h.run()
        status = self.h.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:  # lost its way: from the beginning
            self.h.clearSolver()
            self.h.setOptionValue("simplex_strategy", 1)
            self.h.run()
            self.h.setOptionValue("simplex_strategy", 4)
            status = self.h.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SystemExit(f"attacker: no solution: {self.h.modelStatusToString(status)}")
        world = np.zeros(len(self.keep))
        world[self.keep] = self.h.getSolution().col_value
        return float(x @ world), world


def reach(size, facts, goals):
    """Which goals no world reaches: goals are (kinds, count, goal, sign), sign 1 to go
    down to the goal and -1 to go up to it. Returns {i: how far a world goes}, and which
    goals whole worlds are known to reach."""
    far, whole = {}, {i for i, (_, n, goal, sign) in enumerate(goals) if sign * (n - goal) <= 0}
    sums = np.array([x for x, _, _, _ in goals], dtype=float).reshape(len(goals), size)
    ends, signs = np.array([g[2] for g in goals]), np.array([g[3] for g in goals])
    open_ = [i for i in range(len(goals)) if i not in whole]
    if not open_:
        return far, whole
    program = Program(size, facts)

    def look(world):
        nonlocal open_
        integral = np.abs(world - np.round(world)).max(initial=0) < 1e-6
        reached = set(np.flatnonzero(signs * (sums @ world - ends) <= EPS))
        if integral:
            whole.update(reached)
        open_ = [i for i in open_ if i not in reached]

    for sign in (1, -1):  # a world that is good for many is found at once
        many = [goals[i][0] for i in open_ if goals[i][3] == sign]
        if many:
            look(program.least(np.sum(many, axis=0), sign)[1])
    while open_:
        i = open_[0]
        far[i], world = program.least(goals[i][0], goals[i][3])
        look(world)
        if open_ and open_[0] == i:
            open_ = open_[1:]
        else:
            del far[i]
    return far, whole


def attack(story, a):
    last = story.docs[a["docs"][-1]]
    size = len(story.kinds(last["people"], a["who"]).parties)
    targets = story.targets(a)
    facts = story.facts(a, a["docs"])
    goals, about = [], []
    for key, (x, n, low, high) in targets.items():
        goals += [(x, n, low, 1), (x, n, high, -1)]
        about += [key, key]
    far, wholes = reach(size, facts, goals)
    tight, known, blind = {}, {}, None
    for i, reached in far.items():
        # What was known before this release cannot be hidden any more.
        if blind is None:
            blind = Program(size, story.facts(a, [] if a["alone"] else a["docs"][:-1]))
        x, n, goal, sign = goals[i]
        before = blind.least(x, sign)[0]
        if sign > 0:
            reached, allowed = math.ceil(reached - EPS), max(goal, math.ceil(before - EPS))
        else:
            reached, allowed = math.floor(reached + EPS), min(goal, math.floor(before + EPS))
        known[i] = allowed
        if sign * (reached - allowed) > 0:
            tight.setdefault(about[i], {})["low" if sign > 0 else "high"] = [reached, allowed]
    recovered = 0
    if tight:
        program = Program(size, facts)
        for key in tight:
            x = targets[key][0]
            low, high = math.ceil(program.least(x)[0] - EPS), math.floor(program.least(x, -1)[0] + EPS)
            tight[key]["count"], tight[key]["between"] = targets[key][1], [low, high]
            recovered += low == high
    answer = {"small": len(targets), "recovered": recovered, "whole": [], "undecided": 0, "wrong": sum((story.wrong(story.docs[d]) for d in a["docs"]), []),
              "tight": [{"figure": key[:5], **x} for key, x in tight.items()]}
    if tight and "use" not in a and a["who"] >= 0:
        # Without what a party knows of its persons' needs together: is it as tight?
        answer["without_joint"] = len(attack(story, {**a, "whole": False, "use": sorted(USE - {"joint"})})["tight"])
    if a.get("whole") and size <= WHOLE_COLUMNS:
        whole(size, facts, goals, about, known, wholes, tight, answer)
    return answer


def whole(size, facts, goals, about, known, wholes, tight, answer):
    """Goals that parts of persons reach must be reached by whole ones too."""
    for i, (x, n, goal, sign) in enumerate(goals):
        goal = known.get(i, goal)
        if i in wholes or about[i] in tight or sign * (n - goal) <= 0:
            continue
        more = (x, None, goal) if sign > 0 else (x, goal, None)
        program = Program(size, facts + [more], whole=True)
        program.h.run()
        status = program.h.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            answer["whole"].append({"figure": about[i][:5], "count": n, "goal": goal, "sign": sign})
        elif status != highspy.HighsModelStatus.kOptimal:
            answer["undecided"] += 1


if __name__ == "__main__":
    for text in sys.stdin:
        job = json.loads(text)
        story = Story(job)
        print(json.dumps([attack(story, a) for a in job["attacks"]]), flush=True)
