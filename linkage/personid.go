package linkage

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
)

// PersonID is a random-looking name of a person, the same in every run over the
// same files with the same secret.
type PersonID = [16]byte

// PersonIDs names each person of a result: HMAC-SHA256 under the secret of the
// person's smallest record ID, cut to 128 bits. Nobody without the secret can tell
// which record a name was made from, and neither the order of files nor the number
// of workers changes one. With a party given, the names are that party's own, and
// only the holder of the secret can join them with another's.
func (r *Result) PersonIDs(secret []byte, party string) []PersonID {
	smallest := make([]*RecordID, r.Persons)
	for i := range r.IDs {
		if s := &smallest[r.Person[i]]; *s == nil || bytes.Compare(r.IDs[i][:], (*s)[:]) < 0 {
			*s = &r.IDs[i]
		}
	}
	ids := make([]PersonID, r.Persons)
	mac := hmac.New(sha256.New, secret)
	for i, s := range smallest {
		mac.Reset()
		mac.Write([]byte("cohortlink/v1/person\x00" + party + "\x00"))
		mac.Write(s[:])
		copy(ids[i][:], mac.Sum(nil))
	}
	return ids
}
