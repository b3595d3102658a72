#!/bin/sh
# Forms persons from five million candidate pairs among five parties, with anonlink's greedy solver and with ours, on the
# same pairs and the same machine, one after the other:
#
#	COHORTLINK_PYTHON=venv/bin/python testdata/solver/run.sh
#
# The Python needs numpy and anonlink (pip install anonlink). About two gigabytes of memory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here/../.." && go build -o "$work/solver" ./testdata/solver)
for people in 400000 100000; do
	echo "$people people, five million pairs"
	"${COHORTLINK_PYTHON:-python3}" "$here/greedy.py" "$people" 5000000 "$work/pairs"
	"$work/solver" "$people" "$work/pairs"
done
