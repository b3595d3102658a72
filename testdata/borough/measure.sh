#!/bin/sh
# What linking two invented boroughs comes to, from end to end: invent, hash each party's extract, link with
# "threshold: auto", attach, evaluate. Prints the settings and one table: precision, recall and F1 over all pairs,
# over complete pairs (both records hold names, a date of birth, and a postcode or an NHS number), and, beside them,
# what clear text reaches with the best threshold (cleartext.py, run with $PYTHON; left out without --cleartext).
#
#   testdata/borough/measure.sh [--cleartext] COHORTLINK FOLDER
#
# COHORTLINK is the built program. FOLDER gets a folder for each case; a case that is linked already is only
# evaluated again.
set -eu

cleartext=
if [ "${1-}" = --cleartext ]; then
	cleartext=yes
	shift
fi
if [ $# -ne 2 ]; then
	echo "usage: measure.sh [--cleartext] COHORTLINK FOLDER" >&2
	exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
cd "$2"
. "$here/settings.txt"

# done_aside runs a command; exit code 3, done with rows set aside, will do.
done_aside() {
	"$@" || [ $? -eq 3 ]
}

# case_links makes the linked folder and the linked extracts of one case.
case_links() {
	rm -rf "$case"
	"$program" synth "$case" -q --people "$people" --seed "$seed" --practices "$practices" --council "$council" \
		--setting "$setting" --nhs-withheld "$share"
	project=$case/project.yaml
	"$program" key new -q --project "$project" -o "$case/project.key" >"$case/key.txt"
	for extract in "$case"/*/extract.*; do
		dir=$(dirname "$extract")
		party=$(basename "$dir")
		done_aside "$program" hash "$extract" -q --project "$project" --party "$party" --key "$case/project.key" -o "$dir" >"$dir/hash.txt"
	done
	"$program" link "$case"/*/*.filters -q --project "$project" --threshold auto -o "$case/linked" >"$case/link.txt"
	for extract in "$case"/*/extract.*; do
		dir=$(dirname "$extract")
		party=$(basename "$dir")
		"$program" attach "$extract" -q --project "$project" --links "$case/linked/links/$party.csv" \
			--map "$dir/$party.map.csv" -o "$dir/$party.linked.csv" >"$dir/attach.txt"
	done
	touch "$case/done"
}

# row prints one line of the table from a line of scores: label, precision, recall, F1 at its end.
row() {
	awk -v name="$1" -v label="$2" -v start="$3" 'index($0, start) == 1 && NF >= 4 {
		printf "%-22s%-24s%10s%10s%10s\n", name, label, $(NF-2), $(NF-1), $NF; found = 1; exit
	} END { if (!found) { print "measure.sh: no line of scores in " FILENAME | "cat >&2"; exit 1 } }' "$4"
}

grep -v '^#' "$here/settings.txt"
"$program" --version
echo
printf '%-22s%-24s%10s%10s%10s\n' borough pairs precision recall F1
for setting in $settings; do
	for share in $withheld; do
		case=$setting-$share
		[ -e "$case/done" ] || case_links
		"$program" evaluate -q --truth "$case/truth.csv" --events "$case/events.csv" --project "$case/project.yaml" \
			--complete "$case"/*/*.linked.csv >"$case/evaluate.txt"
		case $share in
		0) numbers="known" ;;
		1) numbers="unknown" ;;
		*) numbers="$(awk -v s="$share" 'BEGIN { printf "%.0f", 100 - 100 * s }') % known" ;;
		esac
		row "$setting, $numbers" all "pairs " "$case/evaluate.txt"
		row "" complete "complete pairs " "$case/evaluate.txt"
		if [ -n "$cleartext" ]; then
			[ -e "$case/cleartext.txt" ] || "${PYTHON:-python3}" "$here/cleartext.py" "$case" >"$case/cleartext.tmp"
			[ -e "$case/cleartext.txt" ] || mv "$case/cleartext.tmp" "$case/cleartext.txt"
			row "" "all, clear, mean" "pairs, mean " "$case/cleartext.txt"
			row "" "  after joining" "pairs, mean, persons " "$case/cleartext.txt"
			row "" "all, clear, bits" "pairs, bits " "$case/cleartext.txt"
			row "" "  after joining" "pairs, bits, persons " "$case/cleartext.txt"
		fi
	done
done
