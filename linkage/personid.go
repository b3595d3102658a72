package linkage

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
)

// PersonID is a random-looking name of a person, the same in every run over the
// same files with the same secret.
type PersonID = [16]byte

// PersonIDs names each person of a result: HMAC-SHA256 under the secret of one of the
// person's record IDs, cut to 128 bits. It is the smallest, unless an earlier linkage had
// named the person by another (Follow). Nobody without the secret can tell which record a
// name was made from, and neither the order of files nor the number of workers changes
// one. With a party given, the names are that party's own, and only the holder of the
// secret can join them with another's.
func (r *Result) PersonIDs(secret []byte, party string) []PersonID {
	namers := r.namers
	if namers == nil {
		namers = smallest(r.IDs, r.Person, r.Persons)
	}
	ids := make([]PersonID, r.Persons)
	name := newNamer(secret, party)
	for i, record := range namers {
		ids[i] = name.of(r.IDs[record])
	}
	return ids
}

// smallest is the record with the smallest ID of each of n groups; of has the group of each
// record, -1 where it is in none.
func smallest(records []RecordID, of []int32, n int) []int32 {
	out := slices.Repeat([]int32{-1}, n)
	for i, group := range of {
		if group < 0 {
			continue
		}
		if s := &out[group]; *s < 0 || bytes.Compare(records[i][:], records[*s][:]) < 0 {
			*s = int32(i)
		}
	}
	return out
}

// A namer makes IDs of persons, or of households, of record IDs.
type namer struct {
	mac   hash.Hash
	label []byte
}

func newNamer(secret []byte, party string) *namer { return newNamerOf("person", secret, party) }

func newHouseholdNamer(secret []byte, party string) *namer {
	return newNamerOf("household", secret, party)
}

func newNamerOf(what string, secret []byte, party string) *namer {
	return &namer{hmac.New(sha256.New, secret), []byte("cohortlink/v1/" + what + "\x00" + party + "\x00")}
}

func (n *namer) of(record RecordID) (id PersonID) {
	n.mac.Reset()
	n.mac.Write(n.label)
	n.mac.Write(record[:])
	copy(id[:], n.mac.Sum(nil))
	return id
}
