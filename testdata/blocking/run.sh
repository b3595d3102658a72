#!/bin/sh
# What LSH loses and saves on an invented borough: hashes it as plain and as folded filters, links each with and without
# blocking, and prints what each took and what was lost.
#
#	testdata/blocking/run.sh COHORTLINK FOLDER [PEOPLE [SETTING [LOSS]]]
#
# COHORTLINK is the built program, FOLDER is made; PEOPLE 50000, SETTING clean (or dirty), LOSS 0.005. $PYTHON needs
# pandas and pyarrow. Two cores take half a minute for 50,000 people, and sixteen times as long for 200,000.
set -eu
if [ $# -lt 2 ] || [ -e "$2" ]; then
	echo "usage: run.sh COHORTLINK FOLDER [PEOPLE [SETTING [LOSS]]], where FOLDER is not there yet" >&2
	exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
loss=${5:-0.005}
"$program" synth "$2" -q --people "${3:-50000}" --seed 1 --practices 13 --council index --setting "${4:-clean}" --nhs-withheld 0.4
cd "$2"
for encoding in plain folded; do
	case $encoding in
	plain) filter='{name: all, length: 1024, fill: 0.5}' ;;
	folded) filter='{name: all, length: 8192, fill: 0.5, fold: 2}' ;;
	esac
	awk -v filter="$filter" '
		/^encoding:/ { print "encoding:\n  filters:\n    - " filter; skip = 1; next }
		skip && /^[^ #]/ { skip = 0 }
		!skip' project.yaml >"$encoding.yaml"
	mkdir "$encoding"
	"$program" key new -q --project "$encoding.yaml" -o "$encoding/project.key" >/dev/null
	for extract in */extract.csv; do
		# Exit code 3: done, with rows set aside.
		"$program" hash "$extract" -q --project "$encoding.yaml" --party "$(dirname "$extract")" --key "$encoding/project.key" \
			-o "$encoding" --accept-weak "these people are invented" >/dev/null 2>&1 || [ $? = 3 ]
	done
	for blocking in none lsh; do
		echo "$encoding, $blocking:"
		# A refusal is said, and gone on from.
		time -p "$program" link "$encoding"/*.filters -q --blocking $blocking --blocking-loss "$loss" -o "$encoding/$blocking" |
			grep '^linked\|^blocking' || true
	done
	if [ -d "$encoding/lsh" ]; then
		"${PYTHON:-python3}" "$here/lost.py" "$encoding/none" "$encoding/lsh"
	fi
done
