#!/bin/sh
# How many rows a second "cohortlink hash" turns from CSV into a sealed and signed filters file, in the standard profile
# and six fields: the CCG's extract of a borough of 700,000 people, some 485,000 rows, five times over. Prints each time,
# and the rows a second of the median. Reading, normalising, hashing, sealing, the map and the receipt are all in it.
#
#   testdata/borough/sealed.sh COHORTLINK FOLDER
set -eu
if [ $# -ne 2 ]; then
	echo "usage: sealed.sh COHORTLINK FOLDER" >&2
	exit 2
fi
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
cd "$2"
if [ ! -e project.key ]; then
	rm -rf borough unit ccg.identity
	"$program" synth borough -q --people 700000 --practices 3 --seed 3
	"$program" project new unit -q --name borough --party ccg >/dev/null
	grep '^unit' unit/project.yaml >>borough/project.yaml
	"$program" key new -q --signing --party ccg -o ccg.identity >/dev/null
	"$program" key new -q --project borough/project.yaml -o project.key >/dev/null
fi
rows=$(($(wc -l <borough/ccg/extract.csv) - 1))
for i in 1 2 3 4 5; do
	rm -rf out
	start=$(date +%s%N)
	"$program" hash borough/ccg/extract.csv -q --project borough/project.yaml --party ccg --key project.key \
		--identity ccg.identity -o out 2>/dev/null || [ $? -eq 3 ]
	echo $((($(date +%s%N) - start) / 1000000))
done >times
sort -n times | awk -v rows="$rows" '{ t[NR] = $1; printf "%.2f s  ", $1 / 1000 }
	END { printf "\n%d rows, %.0f a second\n", rows, 1000 * rows / t[3] }'
