#!/usr/bin/env bash
# The independent attacker against 200 random lattices, and how much is hidden beside
# the optimum in 40. Run from anywhere: bash linkage/cohort/testdata/attacker.sh PYTHON [LATTICES]
# PYTHON has highspy and numpy. It takes some half an hour of two cores.
# Each story that is attacked with success is kept in the folder that is named at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
export COHORTLINK_PYTHON=${1:?which Python has highspy and numpy?}
lattices=${2:-200}
export COHORTLINK_BREACHES=$(mktemp -d)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go test -c -o "$out/cohort.test" .
[ "$lattices" -gt 1 ] || { echo "want two lattices or more" >&2; exit 2; }
half=$(((lattices + 1) / 2))
run() { COHORTLINK_LATTICES=$1 "$out/cohort.test" -test.v -test.timeout 6h -test.run "$2" > "$out/$2.$1" 2>&1; }
run "1-$half" IndependentAttacker & first=$!
run "$((half + 1))-$lattices" IndependentAttacker & second=$!
failed=0
wait $first || failed=1
wait $second || failed=1
run 1-40 BesideTheOptimum || failed=1
cat "$out"/*.*-*
ls "$COHORTLINK_BREACHES"
exit $failed
