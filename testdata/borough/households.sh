#!/bin/sh
# How well households are found in invented boroughs whose records have addresses, from end to end: invent, hash each
# party's extract, link, attach, evaluate. Prints one table: precision, recall and F1 over pairs of persons in one
# household, households that are exactly right, and B-cubed.
#
#   testdata/borough/households.sh COHORTLINK FOLDER
#
# COHORTLINK is the built program. FOLDER gets a folder for each case. PEOPLE (20000) and SEEDS (1 2) can be set.
set -eu

if [ $# -ne 2 ]; then
	echo "usage: households.sh COHORTLINK FOLDER" >&2
	exit 2
fi
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
cd "$2"

"$program" --version
printf '%-10s%6s  %-20s%10s%10s%10s\n' borough seed "" precision recall F1
for setting in clean dirty; do
	for seed in ${SEEDS:-1 2}; do
		case=$setting-$seed
		rm -rf "$case"
		"$program" synth "$case" -q --people "${PEOPLE:-20000}" --seed "$seed" --setting "$setting" --addresses
		project=$case/project.yaml
		"$program" key new -q --project "$project" -o "$case/project.key" >"$case/key.txt"
		for extract in "$case"/*/extract.csv; do
			dir=$(dirname "$extract")
			party=$(basename "$dir")
			"$program" hash "$extract" -q --project "$project" --party "$party" --key "$case/project.key" -o "$dir" >"$dir/hash.txt" 2>&1 || [ $? -eq 3 ]
		done
		"$program" link "$case"/*/*.filters -q --project "$project" -o "$case/linked" >"$case/link.txt" 2>&1
		for extract in "$case"/*/extract.csv; do
			dir=$(dirname "$extract")
			party=$(basename "$dir")
			"$program" attach "$extract" -q --project "$project" --links "$case/linked/links/$party.csv" \
				--map "$dir/$party.map.csv" -o "$dir/$party.linked.csv" >"$dir/attach.txt"
		done
		"$program" evaluate -q --truth "$case/truth.csv" --project "$project" --households "$case/households.csv" \
			"$case"/*/*.linked.csv >"$case/evaluate.txt"
		# The last of each name stands below the table of pairs of records.
		for row in pairs "households, exact" B-cubed; do
			awk -v setting="$setting" -v seed="$seed" -v row="$row" '
				/^households  / { below = 1 }
				below && index($0, row) == 1 { printf "%-10s%6s  %-20s%10s%10s%10s\n", setting, seed, row, $(NF-2), $(NF-1), $NF; exit }' "$case/evaluate.txt"
		done
	done
done
