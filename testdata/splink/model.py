"""Deduplicates an extract in clear text with Splink, by models of its own documentation.

    model.py MODEL EXTRACT TRUTH SEED FOLDER

MODEL is one of MODELS below. Writes the extract with a column person_id, as "cohortlink attach" does, once for each
threshold: FOLDER/MODEL.SEED.THRESHOLD.csv, for probabilities of a match that nobody needs the truth to choose, and as
"best" for the one that gives the best F1 of all, known with the truth. Prints a line of JSON for each: the threshold, and
precision, recall and F1 of the pairs that reach it, before clusters are made of them.

The models are those of Splink 5's documentation for the same sets, docs/demos of moj-analytical-services/splink: for
fake_1000 tutorials/03 to 05 ("tutorial") and examples/duckdb/accuracy_analysis_from_labels_column ("accuracy"), for
febrl3 examples/duckdb/febrl3 ("febrl3-number", which compares the social security number). What is ours is said.
"""
import csv
import json
import logging
import sys
from collections import Counter

import duckdb
import splink.comparison_library as cl
from splink import ColumnExpression, DuckDBAPI, Linker, SettingsCreator, block_on


def tutorial(seed):
    return dict(
        settings=dict(
            comparisons=[
                cl.NameComparison("first_name"),
                cl.NameComparison("surname"),
                cl.LevenshteinAtThresholds(ColumnExpression("dob").cast_to_string(), 1),
                cl.ExactMatch("city").configure(term_frequency_adjustments=True),
                cl.EmailComparison("email"),
            ],
            blocking_rules_to_generate_predictions=[block_on("first_name", "city"), block_on("surname")],
        ),
        certain=[
            block_on("first_name", "dob"),
            "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
            block_on("email"),
        ],
        recall=0.7,
        u=dict(max_pairs=2e6),  # more than there are
        em=[block_on("first_name", "surname"), block_on("dob")],
    )


def accuracy(seed):
    return dict(
        settings=dict(
            comparisons=[
                cl.ForenameSurnameComparison("first_name", "surname"),
                cl.DateOfBirthComparison("dob", input_is_string=False),
                cl.ExactMatch("city").configure(term_frequency_adjustments=True),
                cl.EmailComparison("email"),
            ],
            blocking_rules_to_generate_predictions=[block_on(f) for f in ("first_name", "surname", "dob", "email")],
        ),
        certain=[
            "l.first_name = r.first_name and levenshtein(r.dob::VARCHAR, l.dob::VARCHAR) <= 1",
            "l.surname = r.surname and levenshtein(r.dob::VARCHAR, l.dob::VARCHAR) <= 1",
            "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
            "l.email = r.email",
        ],
        recall=0.7,
        u=dict(max_pairs=1e6, seed=seed),
        em=[block_on("dob"), block_on("email"), block_on("first_name", "surname")],
        em_options=dict(estimate_without_term_frequencies=True),
        date="dob",
    )


def febrl3(seed, number=False, addresses=False):
    fields = ["given_name", "surname", "date_of_birth", "postcode"]
    comparisons = [
        cl.NameComparison("given_name"),
        cl.NameComparison("surname"),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
        cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
    ]
    certain = [
        block_on("given_name", "surname", "date_of_birth"),
        "l.given_name = r.surname and l.surname = r.given_name and l.date_of_birth = r.date_of_birth",
    ]
    if number:
        fields.insert(0, "soc_sec_id")
        comparisons.insert(3, cl.DamerauLevenshteinAtThresholds("soc_sec_id", [2]))
        certain.insert(0, block_on("soc_sec_id"))
    if addresses:
        # Ours: the other fields that cohortlink is given, compared as Splink compares words.
        comparisons += [
            cl.JaroWinklerAtThresholds("address_1", [0.9, 0.8]),
            cl.JaroWinklerAtThresholds("suburb", [0.9, 0.8]),
            cl.ExactMatch("state").configure(term_frequency_adjustments=True),
        ]
    return dict(
        settings=dict(comparisons=comparisons, blocking_rules_to_generate_predictions=[block_on(f) for f in fields]),
        certain=certain,
        recall=0.9 if number else 0.7,  # without the number they find less; 0.7 is ours
        u=dict(max_pairs=1e6, seed=seed),
        em=[block_on("date_of_birth"), block_on("postcode")],
    )


MODELS = {
    "tutorial": tutorial,
    "accuracy": accuracy,
    "febrl3-number": lambda seed: febrl3(seed, number=True),
    "febrl3": febrl3,
    "febrl3-addresses": lambda seed: febrl3(seed, addresses=True),
}
PROBABILITIES = [0.2, 0.5, 0.9, 0.95, 0.99]  # 0.2 is what the tutorial and the febrl3 example take


def f1(right, found, true):
    precision, recall = right / found if found else 0, right / true
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0


def best_of_clusters(pairs, entity):
    """The match weight whose clusters have the best F1, of pairs by falling weight: connected components, as Splink makes them."""
    of = {r: r for r in entity}
    members = {r: Counter([e]) for r, e in entity.items()}

    def root(r):
        while of[r] != r:
            of[r] = of[of[r]]
            r = of[r]
        return r

    true = sum(n * (n - 1) // 2 for n in Counter(entity.values()).values())
    right = found = 0
    best, at = -1, None
    for i, (weight, _, a, b) in enumerate(pairs):
        a, b = root(a), root(b)
        if a != b:
            if len(members[a]) < len(members[b]):
                a, b = b, a
            right += sum(n * members[a][e] for e, n in members[b].items())
            found += members[a].total() * members[b].total()
            members[a] += members.pop(b)
            of[b] = a
        if i + 1 == len(pairs) or pairs[i + 1][0] != weight:
            if (score := f1(right, found, true)[2]) > best:
                best, at = score, weight
    return at


def main(model, extract, truth, seed, folder):
    logging.disable(logging.WARNING)
    connection = duckdb.connect()
    people = connection.sql(f"select * from read_csv('{extract}', header = true, all_varchar = true, nullstr = '')")
    parts = MODELS[model](int(seed))
    if "date" in parts:
        name = parts["date"]
        people = connection.sql(f"select * replace (try_cast({name} as date) as {name}) from people")
    api = DuckDBAPI(connection=connection)
    linker = Linker(api.register(people), SettingsCreator(link_type="dedupe_only", unique_id_column_name="rid", **parts["settings"]))
    linker.training.estimate_probability_two_random_records_match(parts["certain"], recall=parts["recall"])
    linker.training.estimate_u_using_random_sampling(**parts["u"])
    for rule in parts["em"]:
        linker.training.estimate_parameters_using_expectation_maximisation(rule, **parts.get("em_options", {}))
    predictions = linker.inference.predict()

    with open(truth, newline="") as f:
        entity = {row["rid"]: row["entity"] for row in csv.DictReader(f)}
    true = sum(n * (n - 1) // 2 for n in Counter(entity.values()).values())
    pairs = [
        (p["match_weight"], p["match_probability"], p["rid_l"], p["rid_r"])
        for p in predictions.as_record_list()
    ]
    pairs.sort(key=lambda p: -p[0])
    same = sum(entity[a] == entity[b] for _, _, a, b in pairs)

    def write(name, **threshold):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predictions, **threshold)
        person = {c["rid"]: c["cluster_id"] for c in clusters.as_record_list()}
        with open(extract, newline="") as source, open(f"{folder}/{model}.{seed}.{name}.csv", "w", newline="") as to:
            rows = csv.reader(source)
            out = csv.writer(to)
            header = next(rows)
            out.writerow(header + ["person_id"])
            rid = header.index("rid")
            for row in rows:
                out.writerow(row + [person[row[rid]]])
        (key, least), = threshold.items()
        reach = [p for p in pairs if p[0 if key == "threshold_match_weight" else 1] >= least]
        precision, recall, score = f1(sum(entity[a] == entity[b] for _, _, a, b in reach), len(reach), true)
        print(json.dumps(dict(model=model, seed=int(seed), threshold=name, **threshold, blocked_pairs=len(pairs), blocked_recall=same / true,
                              pairs=dict(precision=precision, recall=recall, f1=score))))

    for probability in PROBABILITIES:
        write(str(probability), threshold_match_probability=probability)
    write("best", threshold_match_weight=best_of_clusters(pairs, entity))


if __name__ == "__main__":
    if len(sys.argv) != 6 or sys.argv[1] not in MODELS:
        sys.exit(__doc__)
    main(*sys.argv[1:])
