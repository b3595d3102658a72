#!/bin/sh
# Links one of the sets of invented people with known truth by the commands that partners and unit use, and prints how
# good it was:
#
#	testdata/people/run.sh febrl4
#
# The sets are the folders of ../shared/data/people beside the checkout, or of $COHORTLINK_SHARED/data/people; the project
# of each is here. What is made stays in the folder that is named at the end. $LINK holds more flags for link; $PROFILE
# names a profile of encoding to take in place of the plain Bloom filters that the projects spell out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sets=${COHORTLINK_SHARED:-$root/../shared}/data/people
set=${1:-}
if [ ! -f "$here/$set.yaml" ]; then
	echo "usage: $0 SET, which is one of" "$(cd "$here" && ls ./*.yaml | sed 's|^\./||; s|\.yaml$||' | tr '\n' ' ')" >&2
	exit 2
fi
if [ ! -d "$sets/$set" ]; then
	echo "$0: the people of $set are not in $sets" >&2
	exit 1
fi

work=$(mktemp -d)
(cd "$root" && go build -o "$work/cohortlink" ./cmd/cohortlink)
if [ -n "${PROFILE:-}" ]; then
	sed '/^encoding:/,$d' "$here/$set.yaml" >"$work/project.yaml"
	echo "encoding: {profile: $PROFILE}" >>"$work/project.yaml"
else
	cp "$here/$set.yaml" "$work/project.yaml"
fi
cd "$work"
# Names of parties begin with a letter and are in lower case: party_A.csv is party-a, in the truth too.
awk -F, -v OFS=, 'NR > 1 { $2 = "party-" tolower($2) } 1' "$sets/$set/truth.csv" >truth.csv
./cohortlink key new --quiet --project project.yaml -o project.key >/dev/null
for extract in "$sets/$set"/party_*.csv; do
	party=party-$(basename "$extract" .csv | sed 's/^party_//' | tr 'A-Z' 'a-z')
	cp "$extract" "$party.csv"
	# Exit code 3: done, with rows set aside.
	./cohortlink hash --quiet "$party.csv" --project project.yaml --party "$party" --key project.key \
		--accept-weak "these people are invented" || [ $? = 3 ]
done
# shellcheck disable=SC2086 # flags are words
./cohortlink link ./*.filters --project project.yaml -o linked ${LINK:-} >link.txt
for extract in party-*.csv; do
	case $extract in *.map.csv | *.set-aside.csv) continue ;; esac
	party=${extract%.csv}
	./cohortlink attach --quiet "$extract" --links "linked/links/$extract" --map "$party.map.csv" --project project.yaml -o "$party.linked.csv"
done
./cohortlink evaluate --truth truth.csv --linked linked --maps . party-*.linked.csv
echo
cat link.txt
echo "all of it is in $work"
