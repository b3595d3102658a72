package formats

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// What users of anonlink go on with: its file of candidate pairs, and its groups. Both name a
// record by the number of its dataset and its row there, from 0, and nothing says which file
// a dataset was or which record a row: ANONLINK/records.csv does.

// Names inside the folder of link --anonlink.
const (
	AnonlinkPairsFile   = "candidates.bin"
	AnonlinkGroupsFile  = "groups.json"
	AnonlinkRecordsFile = "records.csv"
)

// AnonlinkRecord is a record as anonlink names it.
type AnonlinkRecord struct{ Dataset, Row uint32 }

// AnonlinkPair is a candidate pair: A is of the dataset with the lower number.
type AnonlinkPair struct {
	Score float64
	A, B  AnonlinkRecord
}

// anonlinkHead is the version, 1, and the bytes of a similarity, of the number of a dataset
// and of a row (anonlink/serialization.py, dump_candidate_pairs). Numbers are little-endian.
var anonlinkHead = [4]byte{1, 8, 4, 4}

// WriteAnonlinkPairs writes a file of candidate pairs, which must come as anonlink has them:
// by falling score, and then by the numbers of the datasets and the rows.
func WriteAnonlinkPairs(w io.Writer, pairs []AnonlinkPair) error {
	b := bufio.NewWriterSize(w, 1<<16)
	b.Write(anonlinkHead[:])
	entry := make([]byte, 0, 24)
	for i, p := range pairs {
		if p.A.Dataset >= p.B.Dataset || i > 0 && pairs[i-1].Compare(p) >= 0 {
			return fmt.Errorf("candidate pair %d is not in anonlink's order", i+1)
		}
		entry = binary.LittleEndian.AppendUint64(entry[:0], math.Float64bits(p.Score))
		for _, n := range [4]uint32{p.A.Dataset, p.B.Dataset, p.A.Row, p.B.Row} {
			entry = binary.LittleEndian.AppendUint32(entry, n)
		}
		b.Write(entry)
	}
	return b.Flush()
}

// Compare orders pairs as anonlink's files do: below 0 where p comes before q.
func (p AnonlinkPair) Compare(q AnonlinkPair) int {
	switch {
	case p.Score > q.Score:
		return -1
	case p.Score < q.Score:
		return 1
	}
	for _, n := range [4][2]uint32{{p.A.Dataset, q.A.Dataset}, {p.B.Dataset, q.B.Dataset}, {p.A.Row, q.A.Row}, {p.B.Row, q.B.Row}} {
		switch {
		case n[0] < n[1]:
			return -1
		case n[0] > n[1]:
			return 1
		}
	}
	return 0
}

// WriteAnonlinkGroups writes groups as JSON, laid out as anonlink's find-similarity does:
// [[[dataset, row], …], …] with an indent of four. anonlink's own groups come in an order
// that changes from run to run; these stay as they are given.
func WriteAnonlinkGroups(w io.Writer, groups [][]AnonlinkRecord) error {
	b := bufio.NewWriterSize(w, 1<<16)
	b.WriteString("[")
	for i, g := range groups {
		fmt.Fprintf(b, "%s\n    [", comma(i))
		for j, r := range g {
			fmt.Fprintf(b, "%s\n        [\n            %d,\n            %d\n        ]", comma(j), r.Dataset, r.Row)
		}
		b.WriteString("\n    ]")
	}
	if len(groups) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]")
	return b.Flush()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
