#!/bin/sh
# How much blindness costs: the same people deduplicated in clear text with Splink, and as filters with cohortlink, judged
# by the same command.
#
#	testdata/splink/run.sh FOLDER [KEYS]
#
# FOLDER is made, with a Python environment in it that Splink is installed in (venv), all that is linked, and the table
# (table.md). KEYS is how many project keys, and seeds of Splink's samples, are tried: 1 to 9 (3). The sets are the
# folders of ../shared/data/people beside the checkout, or of $COHORTLINK_SHARED/data/people. Three minutes a key.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
people=${COHORTLINK_SHARED:-$root/../shared}/data/people
keys=${2:-3}
case $#,$keys in
[12],[1-9]) ;;
*)
	echo "usage: $0 FOLDER [KEYS], KEYS from 1 to 9" >&2
	exit 2
	;;
esac
if [ ! -d "$people/febrl3-dedup" ]; then
	echo "$0: the people of febrl3-dedup are not in $people: set COHORTLINK_SHARED to where they are" >&2
	exit 1
fi
sets=$(cd "$people" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
(cd "$root" && go build -o "$work/cohortlink" ./cmd/cohortlink)
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check splink==5.0.0
cd "$work"
mkdir -p splink results
rm -f results/*.json

# judge NAME LINKED_EXTRACT [MORE...]: the parties of the truth are named as in the projects of testdata/people.
judge() {
	name=$1 linked=$2
	shift 2
	./cohortlink evaluate --json --truth truth.csv "$@" "party-a=$linked" >"results/$name.json"
}

for set in febrl3-dedup splink-fake1000-dedup; do
	extract=$sets/$set/party_A.csv
	awk -F, -v OFS=, 'NR > 1 { $2 = "party-" tolower($2) } 1' "$sets/$set/truth.csv" >truth.csv
	case $set in
	febrl3-dedup) models="febrl3 febrl3-addresses febrl3-number" ;;
	*) models="tutorial accuracy" ;;
	esac
	for key in $(seq "$keys"); do
		for model in $models; do
			echo "$set, Splink, $model, seed $key" >&2
			venv/bin/python "$here/model.py" "$model" "$extract" truth.csv "$key" splink >"splink/$model.$key.jsonl"
			for linked in splink/"$model.$key".*.csv; do
				judge "$set.$(basename "$linked" .csv)" "$linked"
			done
		done
		for encoding in plain fold8192 fold16384; do
			case $encoding in
			plain) filter="length: 1024, fill: 0.5" ;;
			fold8192) filter="length: 8192, fill: 0.5, fold: 2" ;;
			fold16384) filter="length: 16384, fill: 0.5, fold: 2" ;;
			esac
			for fields in all number; do
				[ "$set $fields" != "splink-fake1000-dedup number" ] || continue
				echo "$set, cohortlink, $encoding, $fields, key $key" >&2
				rm -rf unit
				mkdir unit
				sed '/^encoding:/,$d' "$root/testdata/people/$set.yaml" >unit/project.yaml
				if [ $fields = all ]; then
					printf 'encoding:\n  filters:\n    - {name: record, %s}\n' "$filter" >>unit/project.yaml
				else
					# The number travels as an exact key beside a filter of the other fields: in both it would be taken for
					# two witnesses.
					of=$(sed -n 's/^  - {name: \([a-z_0-9]*\), kind.*/\1/p' unit/project.yaml | paste -sd, -)
					printf '  - {name: soc_sec_id, kind: code}\nencoding:\n  filters:\n    - {name: record, %s, fields: [%s]}\n  exact: [soc_sec_id]\n' \
						"$filter" "$of" >>unit/project.yaml
				fi
				(
					cd unit
					cp "$extract" party-a.csv
					../cohortlink key new --quiet --project project.yaml -o project.key
					# Exit code 3: done, with rows set aside.
					../cohortlink hash --quiet party-a.csv --project project.yaml --party party-a --key project.key \
						--accept-weak "these people are invented" || [ $? = 3 ]
					../cohortlink link --quiet party-a.filters --project project.yaml -o linked
					../cohortlink attach --quiet party-a.csv --links linked/links/party-a.csv --map party-a.map.csv --project project.yaml -o party-a.linked.csv
				) >log 2>&1 || { cat log >&2; exit 1; }
				judge "$set.cohortlink-$encoding-$fields.$key" unit/party-a.linked.csv --linked unit/linked --maps unit
			done
		done
	done
done
venv/bin/python "$here/table.py" . | tee table.md
