package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cohortlink/cmd/cohortlink/internal/borough"
	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
	"cohortlink/hashing/norm"
)

// boroughCouncil is the first n records of the council of an invented borough of 2n people:
// nearly all that it has, so that households stay together.
func boroughCouncil(t *testing.T, n int, seed uint64) (fields []hashing.Field, normalise []norm.Options, records [][]string) {
	t.Helper()
	dir := t.TempDir()
	s := borough.Clean()
	s.People, s.Seed = 2*n, seed
	sum, err := borough.Generate(dir, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := boroughProject("borough", &sum)
	party := &p.Parties[0]
	x, err := formats.OpenExtract(filepath.Join(dir, party.Name, "extract.csv"), extractOptions(party))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cols, err := mapColumns("extract.csv", x.Header(), p, party)
	if err != nil {
		t.Fatal(err)
	}
	for len(records) < n {
		row, err := x.Next()
		if err != nil {
			t.Fatalf("%d records of the council, want %d: %v", len(records), n, err)
		}
		values := make([]string, len(cols.fields))
		for i, c := range cols.fields {
			values[i] = join(row, c)
		}
		records = append(records, values)
	}
	for _, f := range p.Fields {
		fields = append(fields, hashing.Field{Name: f.Name, Kind: norm.Kind(f.Kind)})
	}
	return fields, normaliseOptions(p, party), records
}

// An invented encoding, so that parameters that no profile has can be attacked: tokens
// weighted as hashing weighs them, positions and votes from a generator seeded by a hash of
// key, field and token. It protects nobody.
type testEncoding struct {
	name   string
	length int
	fill   float64
	folds  int
	sketch int    // majority-XOR hashes; 0 for a Bloom filter
	only   string // the one field it is made of; "" for all
}

func (e testEncoding) similarity() string {
	switch {
	case e.sketch > 0:
		return "sketch:" + strconv.Itoa(e.sketch)
	case e.folds > 0:
		return fmt.Sprintf("xor:%d:%g", 1<<e.folds, e.fill)
	}
	return "dice"
}

// weights and tokens of each kind of the borough's fields, as hashing has them.
var testKinds = map[norm.Kind][2]float64{
	norm.Name: {3, 7}, norm.Date: {4, 6}, norm.Sex: {0.5, 1}, norm.Postcode: {2, 6}, norm.NHSNumber: {4, 10},
}

func (e testEncoding) encode(fields []hashing.Field, normalise []norm.Options) audit.Encode {
	normalisers := make([]*norm.Normaliser, len(fields))
	total := 0.0
	for i, f := range fields {
		normalisers[i], _ = norm.New(f.Kind, normalise[i])
		total += testKinds[f.Kind][0]
	}
	return func(key *hashing.Key, records [][]string) (audit.Filters, error) {
		secret := key.Fingerprint()
		words := e.length / 64
		out := audit.Filters{Bits: e.length >> e.folds, Similarity: e.similarity()}
		drawn := map[string][]uint64{}
		random := func(field int, token string) *rand.ChaCha8 {
			return rand.NewChaCha8(sha256.Sum256(append(append(secret[:], byte(field)), token...)))
		}
		row := make([]uint64, words)
		votes := make([]int16, e.length*max(1, e.sketch))
		for _, record := range records {
			clear(row)
			clear(votes)
			n := 0
			for i, f := range fields {
				text, _ := normalisers[i].Value(record[i])
				kind := testKinds[f.Kind]
				for _, token := range hashing.Tokens(f.Kind, text) {
					id := string(rune('a'+i)) + token
					if e.sketch == 0 {
						bits, ok := drawn[id]
						if !ok {
							bits = make([]uint64, words)
							k := math.Round(-float64(e.length) * math.Log(1-e.fill) * kind[0] / total / kind[1])
							for r := random(i, token); k > 0; {
								p := r.Uint64() % uint64(e.length)
								if bits[p/64]>>(p%64)&1 == 0 {
									bits[p/64] |= 1 << (p % 64)
									k--
								}
							}
							drawn[id] = bits
						}
						for w := range row {
							row[w] |= bits[w]
						}
						continue
					}
					bits, ok := drawn[id]
					if !ok {
						bits = make([]uint64, words*e.sketch)
						r := random(i, token)
						for w := range bits {
							bits[w] = r.Uint64()
						}
						drawn[id] = bits
					}
					weight := int16(math.Round(10 * kind[0] / kind[1]))
					for p := range votes {
						votes[p] += weight * int16(2*(bits[p/64]>>(p%64)&1)-1)
					}
					n++
				}
			}
			if e.sketch > 0 {
				for p := range votes {
					if votes[p] > 0 || votes[p] == 0 && p%2 == 0 {
						row[p%e.length/64] ^= 1 << (p % 64)
					}
				}
			}
			folded := row
			for range e.folds {
				half := len(folded) / 2
				next := make([]uint64, half)
				for w := range next {
					next[w] = folded[w] ^ folded[w+half]
				}
				folded = next
			}
			out.Rows = append(out.Rows, folded...)
		}
		return out, nil
	}
}

var testEncodings = []testEncoding{
	{name: "plain 1024", length: 1024, fill: 0.5},
	{name: "fold2 8192 at .5", length: 8192, fill: 0.5, folds: 2},
	{name: "fold2 8192 at .35", length: 8192, fill: 0.35, folds: 2},
	{name: "fold2 8192 at .25", length: 8192, fill: 0.25, folds: 2},
	{name: "sketch 4096/3", length: 4096, sketch: 3},
	{name: "surname 1024", length: 1024, fill: 0.5, only: "surname"},
	{name: "surname 1024 at .2", length: 1024, fill: 0.2, only: "surname"},
	{name: "forename 1024 at .2", length: 1024, fill: 0.2, only: "forename"},
}

// COHORTLINK_ATTACKS="plain 1024,sketch 4096/3:2000:1" with -v runs every attack on the
// named encodings (or all), at 2,000 records and seeds 1 to 1, and prints a table.
func TestAttackTable(t *testing.T) {
	what := os.Getenv("COHORTLINK_ATTACKS")
	if what == "" {
		t.Skip("takes minutes: set COHORTLINK_ATTACKS to ENCODING,...:RECORDS:SEEDS, such as all:2000:3")
	}
	parts := strings.Split(what, ":")
	if len(parts) != 3 {
		t.Fatal("COHORTLINK_ATTACKS is ENCODING,...:RECORDS:SEEDS")
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	seeds, err := strconv.Atoi(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	only := os.Getenv("COHORTLINK_ATTACK") // a part of "attack anchors overlap", such as "anchor 10 0.5"
	for seed := uint64(1); seed <= uint64(seeds); seed++ {
		fields, normalise, records := boroughCouncil(t, n, seed)
		for _, e := range testEncodings {
			if parts[0] != "all" && !strings.Contains(","+parts[0]+",", ","+e.name+",") {
				continue
			}
			fields, normalise, records := fields, normalise, records
			if e.only != "" {
				i := slices.IndexFunc(fields, func(f hashing.Field) bool { return f.Name == e.only })
				fields, normalise = fields[i:i+1], normalise[i:i+1]
				values := make([][]string, len(records))
				for j, r := range records {
					values[j] = r[i : i+1]
				}
				records = values
			}
			var random [32]byte
			binary.LittleEndian.PutUint64(random[:], seed+1000)
			key, err := hashing.NewKey("borough", rand.NewChaCha8(random))
			if err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			target, err := audit.NewTarget(fields, normalise, records, key, e.encode(fields, normalise), seed)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, seed %d: encoded in %.1f s", e.name, seed, time.Since(started).Seconds())
			for _, a := range audit.Attacks() {
				setting := fmt.Sprintf("%s %d %g", a.Name, a.Anchors, a.Overlap)
				if !strings.Contains(setting, only) {
					continue
				}
				started := time.Now()
				o, err := audit.Run(context.Background(), target, a, seed)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("| %s | %s | %d | %d of %d | %.1f %% | claims %d, right %d | AUC %.3f | %s | %s | %.1f s", e.name, setting, seed, o.Right, o.Tried, 100*o.Share(), o.Claimed, o.RightClaims, o.AUC, o.Variant, o.Detail, time.Since(started).Seconds())
			}
		}
	}
}
