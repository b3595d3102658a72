#!/bin/sh
# Measures what each encoding costs in links and what attacks recover from it, and prints the tables of README.md:
#
#	testdata/profiles/run.sh FILE [PART]
#
# FILE keeps the measurements, a line of JSON each. Those in it are not taken again, so that a run can be stopped and
# taken up, and its tables printed at any time (PART: tables). Other parts: links (the boroughs and the sets of people,
# seeds or keys 1 to 3), attacks (2,000 records, seeds 1 to 3), large (10,000 records of plain and the profiles,
# seeds 1 to 3), huge (50,000 of the profiles, once; hours, and 16 GiB), speed (records hashed in a second on one
# core; not kept). Without a part: links, attacks and tables, which take an hour or two on two cores.
# $COHORTLINK_ENCODINGS, names as in the tables with semicolons between them, leaves out the others.
set -eu
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo "usage: $0 FILE [links|attacks|large|huge|speed|tables]" >&2
	exit 2
fi
COHORTLINK_PROFILES=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
export COHORTLINK_PROFILES
part=${2:-all}
cd "$(dirname "$0")/../.."

measure() { go test -count 1 -run '^TestProfiles$' -timeout 0 ./cmd/cohortlink >/dev/null; }

profiles="plain;fold twice, 8192;fold three times, 32768 at .27"
case $part in
links | attacks | large | huge | speed | tables | all) ;;
*)
	echo "$0: there is no part \"$part\"" >&2
	exit 2
	;;
esac
case $part in links | all) COHORTLINK_QUALITY=1-3 measure ;; esac
case $part in attacks | all) COHORTLINK_ATTACKS_ON=2000:1-3 measure ;; esac
case $part in large) COHORTLINK_ENCODINGS=$profiles COHORTLINK_ATTACKS_ON=10000:1-3 measure ;; esac
case $part in huge) COHORTLINK_ENCODINGS=${profiles#*;} COHORTLINK_ATTACKS_ON=50000:1-1 measure ;; esac
case $part in speed) go test -run '^$' -bench '^BenchmarkHash$' -cpu 1 ./hashing ;; esac
case $part in tables | all) COHORTLINK_PROFILES_TABLE=yes go test -count 1 -v -run '^TestProfilesTable$' ./cmd/cohortlink | grep -v '^[=-]\|^PASS\|^ok' ;; esac
