"""Prints the table of what run.sh left in FOLDER: means over keys, with the range of F1.

    table.py FOLDER
"""
import json
import statistics
import sys
from pathlib import Path

ROWS = [
    ("febrl3, 8 fields", "febrl3-dedup", [
        ("Splink, its example without the number", "splink", "febrl3"),
        ("Splink, the same and three address fields", "splink", "febrl3-addresses"),
        ("cohortlink, plain", "cohortlink", "plain-all"),
        ("cohortlink, 16,384 bits folded twice", "cohortlink", "fold16384-all"),
        ("cohortlink, 8,192 bits folded twice", "cohortlink", "fold8192-all"),
    ]),
    ("febrl3, with the number", "febrl3-dedup", [
        ("Splink, its example", "splink", "febrl3-number"),
        ("cohortlink, plain", "cohortlink", "plain-number"),
        ("cohortlink, 16,384 bits folded twice", "cohortlink", "fold16384-number"),
        ("cohortlink, 8,192 bits folded twice", "cohortlink", "fold8192-number"),
    ]),
    ("fake1000, 5 fields", "splink-fake1000-dedup", [
        ("Splink, its tutorial", "splink", "tutorial"),
        ("Splink, its example of accuracy", "splink", "accuracy"),
        ("cohortlink, plain", "cohortlink", "plain-all"),
        ("cohortlink, 16,384 bits folded twice", "cohortlink", "fold16384-all"),
        ("cohortlink, 8,192 bits folded twice", "cohortlink", "fold8192-all"),
    ]),
]


def cell(scores):
    """Mean F1 and its range, and mean precision and recall."""
    f1 = [s["f1"] for s in scores]
    mean = lambda key: statistics.mean(s[key] for s in scores)
    text = f"{statistics.mean(f1):.4f}"
    if f"{min(f1):.4f}" != f"{max(f1):.4f}":
        text += f" ({min(f1):.4f} to {max(f1):.4f})"
    return f"{text}; {mean('precision'):.3f}, {mean('recall'):.3f}"


def main(folder):
    folder = Path(folder)

    def results(pattern):
        found = [json.loads(p.read_text()) for p in sorted((folder / "results").glob(pattern))]
        if not found:
            sys.exit(f"no {pattern} in {folder / 'results'}")
        return found

    print("| set | | threshold without truth (Splink 0.5, cohortlink auto): F1; precision, recall | best threshold, with the truth |")
    print("|---|---|---|---|")
    for title, of, rows in ROWS:
        for name, who, what in rows:
            if who == "splink":
                without = [r["scores"] for r in results(f"{of}.{what}.?.0.5.json")]
                best = [r["scores"] for r in results(f"{of}.{what}.?.best.json")]
            else:
                found = results(f"{of}.cohortlink-{what}.?.json")
                without = [r["scores"] for r in found]
                best = [max(r["sweep"] + [r["scores"]], key=lambda p: p["f1"]) for r in found]
            print(f"| {title} | {name} | {cell(without)} | {cell(best)} |")
            title = ""

    print()
    print("Splink by its threshold, F1 of persons and, after the slash, of the pairs alone that reach it:")
    print()
    thresholds = ["0.2", "0.5", "0.9", "0.95", "0.99", "best"]
    print("| | true pairs that blocking leaves |", " | ".join(thresholds), "|")
    print("|---|---|" + "---|" * len(thresholds))
    for of, model in [("febrl3-dedup", "febrl3"), ("febrl3-dedup", "febrl3-addresses"), ("febrl3-dedup", "febrl3-number"),
                      ("splink-fake1000-dedup", "tutorial"), ("splink-fake1000-dedup", "accuracy")]:
        lines = [json.loads(x) for p in sorted((folder / "splink").glob(f"{model}.?.jsonl")) for x in p.read_text().splitlines()]
        cells = []
        for t in thresholds:
            persons = statistics.mean(r["scores"]["f1"] for r in results(f"{of}.{model}.?.{t}.json"))
            pairs = statistics.mean(x["pairs"]["f1"] for x in lines if x["threshold"] == t)
            cells.append(f"{persons:.4f} / {pairs:.4f}")
        print(f"| {model} | {100 * statistics.mean(x['blocked_recall'] for x in lines):.1f} % |", " | ".join(cells), "|")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
