"""What a linkage with blocking has lost of one without, from the same filters.

    lost.py LINKED BLOCKED

Prints the share of the pairs at the threshold that were not found, and the share of the accepted pairs whose records
are no longer one person; both folders must have the same threshold. Needs pandas and pyarrow.
"""
import json
import sys

import pandas


def load(folder):
    with open(folder + "/manifest.json") as f:
        threshold = json.load(f)["threshold"]["value"]
    pairs = pandas.read_parquet(folder + "/pairs.parquet")
    people = pandas.read_parquet(folder + "/people.parquet")
    return threshold, pairs, dict(zip(people.record_id, people.person_id))


def keys(pairs):
    return set(zip(pairs.record_a, pairs.record_b))


def main():
    threshold, whole, _ = load(sys.argv[1])
    other, blocked, person = load(sys.argv[2])
    if threshold != other:
        sys.exit("lost.py: the thresholds are %s and %s" % (threshold, other))
    num, den = map(int, threshold.split("/"))
    at = keys(whole[whole.score >= num / den])
    found = keys(blocked)
    accepted = keys(whole[whole.accepted])
    apart = sum(person[a] != person[b] for a, b in accepted)
    print("pairs at the threshold  %d, lost %.4f" % (len(at), 1 - len(at & found) / len(at)))
    print("accepted pairs          %d, lost %.4f" % (len(accepted), apart / len(accepted)))


main()
