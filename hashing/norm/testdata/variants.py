#!/usr/bin/env python3
"""Makes ../variants.txt: the formal names that a forename can stand for.

    python3 variants.py ../shared/data/reference > ../variants.txt

Sources, both read from the folder named:
  nicknames.csv             carltonnorthern/nicknames, Apache-2.0: formal name, has_nickname, nickname
  firstname_uk_variant.csv  sdglinkage, Copyright (c) 2020 Haoyuan Zhang, MIT: pairs of forenames recorded for one person

Neither says for every pair which name is the formal one, and frequencies do not help: in births since 1996 Bobby is
commoner than Robert. What tells is how many nicknames a name has: Robert has many, Bobby few. So the formal names of a
name are, of the names that have it as a nickname or variant, those with more nicknames than itself; where both sources
agree on some of them, only those; where there are several, those with at least half as many nicknames as the first, at
most three. A name without any stands for itself; one that stands for a name that stands for a third, stands for the third.

A line is a formal name, a colon, and the names that can stand for it; all in A to Z.
"""
import collections
import csv
import os
import re
import sys

# Spellings and abbreviations that neither source has: our own list.
OWN = {
    "MOHAMMED": "MUHAMMAD MOHAMMAD MOHAMED MUHAMMED MOHAMMOD MUHAMAD MOHAMAD MUHAMED MOHD MUHD MD",
    "AHMED": "AHMAD AHMET",
    "HUSSAIN": "HUSSEIN HUSAIN HUSEIN HOSSAIN",
    "WILLIAM": "WM", "CHARLES": "CHAS", "THOMAS": "THOS", "GEORGE": "GEO", "JAMES": "JAS", "JOHN": "JNO",
    "SAMUEL": "SAML", "DANIEL": "DANL", "MARGARET": "MARGT", "BENJAMIN": "BENJ", "JOSEPH": "JOS", "RICHARD": "RICHD",
    "EDWARD": "EDWD", "SEAN": "SHAUN SHAWN", "KATHERINE": "CATHERINE", "ALEXANDER": "ALEX", "ALEXANDRA": "ALEX",
}
AT_MOST = 3


def main(folder):
    def pairs(name, first, second):
        with open(os.path.join(folder, name), encoding="utf-8-sig", newline="") as f:
            for r in csv.DictReader(f):
                a, b = r[first].upper(), r[second].upper()
                if a != b and all(re.fullmatch("[A-Z]{2,}", x) for x in (a, b)):
                    yield a, b

    formals, variants = collections.defaultdict(set), collections.defaultdict(set)
    nicknames = collections.Counter()
    for formal, nick in pairs("nicknames.csv", "name1", "name2"):
        if formal not in formals[nick]:
            nicknames[formal] += 1
        formals[nick].add(formal)
    for a, b in pairs("firstname_uk_variant.csv", "forename", "forename2"):
        variants[a].add(b)
        variants[b].add(a)

    stands_for = {}
    for name in formals.keys() | variants.keys():
        rank = lambda n: (-nicknames[n], n)
        both = formals[name] & variants[name]
        others = sorted((o for o in both or formals[name] | variants[name] if rank(o) < rank(name) and nicknames[o]), key=rank)
        stands_for[name] = [o for o in others if nicknames[o] * 2 >= nicknames[others[0]]][:AT_MOST]
    own = collections.defaultdict(list)
    for formal, names in OWN.items():
        stands_for[formal] = []
        for name in names.split():
            own[name].append(formal)
    stands_for.update(own)

    def resolve(name):
        return {r for f in stands_for.get(name, []) for r in (resolve(f) or {f})}

    by_formal = collections.defaultdict(list)
    for name, formal in ((n, f) for n in stands_for for f in resolve(n)):
        by_formal[formal].append(name)
    for formal in sorted(by_formal):
        print(formal + ":", *sorted(by_formal[formal]))


main(sys.argv[1])
