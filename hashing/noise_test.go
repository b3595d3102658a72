package hashing

import (
	"bytes"
	"crypto/rand"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

func noiseSecret(t testing.TB) *NoiseSecret {
	t.Helper()
	n, err := NewNoiseSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// differ is in what share of bits two filters differ.
func differ(a, b []uint64) float64 {
	n := 0
	for i := range a {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return float64(n) / float64(64*len(a))
}

// TestNoiseIsKept: a record that is hashed again under its ID has the noise that it had, in
// another run and after other records, also where its values have changed; and nothing but
// secret, project key and encoding decides it. Another record's noise, or a worker's without
// the secret, has nothing in common with it.
func TestNoiseIsKept(t *testing.T) {
	person := []string{"ANNE", "SMITH", "19870314", "F", "RG401XS"}
	moved := []string{"ANNE", "JONES", "19870314", "F", "SW1A1AA"}
	a, b := RecordID{1}, RecordID{2}
	for _, f := range []Filter{
		{Name: "a", Length: 4096, Noise: 0.05},
		{Name: "a", Length: 8192, Fold: 1, Noise: 0.5},
		{Name: "a", Length: 4096, Balance: true, Noise: 0.123},
	} {
		clean := f
		clean.Noise = 0
		key := testKey(t, "p")
		schema := Schema{Project: "p", Fields: fiveFields(), Filters: []Filter{f}}
		h, bare := mustHasher(t, schema, key), mustHasher(t, Schema{Project: "p", Fields: fiveFields(), Filters: []Filter{clean}}, key)
		secret := noiseSecret(t)
		hash := func(w *Worker, id *RecordID, values []string) []uint64 {
			dst := make([]uint64, h.Words())
			if id == nil {
				w.Hash(values, dst)
			} else {
				w.HashRecord(*id, values, dst)
			}
			return dst
		}
		w := h.WorkerKeepingNoise(secret)
		first, other, stranger := hash(w, &a, person), hash(w, &b, person), hash(w, nil, person)
		if again := hash(w, &a, person); !slices.Equal(again, first) {
			t.Errorf("%s: another noise after another record", f.Encoding())
		}
		// The next run reads the secret from its file.
		read, err := ParseNoiseSecret(secret.Text())
		if err != nil {
			t.Fatal(err)
		}
		next := mustHasher(t, schema, key).WorkerKeepingNoise(read)
		if !slices.Equal(hash(next, &a, person), first) || !slices.Equal(hash(next, &b, person), other) {
			t.Errorf("%s: another noise in another run", f.Encoding())
		}
		// Bits that are replaced are so whatever the values: those of before and after differ
		// there in nothing, and elsewhere as they do without noise.
		was, is := hashOne(t, bare, person...), hashOne(t, bare, moved...)
		after := hash(next, &a, moved)
		for i := range after {
			if (first[i]^after[i])&^(was[i]^is[i]) != 0 {
				t.Fatalf("%s: noise differs where the values do not", f.Encoding())
			}
		}
		changed, changes := differ(first, after), differ(was, is)
		if n := float64(f.Bits()) * changes; math.Abs(changed-changes*(1-f.Noise)) > 5*changes*math.Sqrt(f.Noise*(1-f.Noise)/n) {
			t.Errorf("%s: %.4f of bits changed with the values, of %.4f without noise", f.Encoding(), changed, changes)
		}
		// Noises of their own: two such differ in 2·(F/2)(1-F/2) of the bits.
		rate := f.Noise * (1 - f.Noise/2)
		sd := math.Sqrt(rate * (1 - rate) / float64(f.Bits()))
		for what, bits := range map[string][]uint64{
			"another record":          other,
			"no record":               stranger,
			"a worker without it":     hash(h.Worker(), &a, person),
			"another secret":          hash(h.WorkerKeepingNoise(noiseSecret(t)), &a, person),
			"the same worker, no ID":  hash(w, nil, person),
			"no record, a second one": hash(w, nil, person),
		} {
			if got := differ(first, bits); math.Abs(got-rate) > 5*sd {
				t.Errorf("%s: %s has noise that differs in %.4f of bits, want %.4f", f.Encoding(), what, got, rate)
			}
		}
	}
}

// TestNoiseOfItsOwn: another project key, filter, length or encoding draws another noise for
// the same record and secret.
func TestNoiseOfItsOwn(t *testing.T) {
	secret := noiseSecret(t)
	key, f := testKey(t, "p"), Filter{Name: "a", Length: 1024, Noise: 0.05}
	seen := map[string]string{}
	for what, k := range map[string][]byte{
		"itself":          secret.key(key, &f),
		"another key":     secret.key(newKey("p", bytes.Repeat([]byte{7}, KeyBytes)), &f),
		"another project": secret.key(newKey("q", key.secret()), &f),
		"another name":    secret.key(key, &Filter{Name: "b", Length: 1024, Noise: 0.05}),
		"another length":  secret.key(key, &Filter{Name: "a", Length: 2048, Noise: 0.05}),
		"more noise":      secret.key(key, &Filter{Name: "a", Length: 1024, Noise: 0.5}),
		"folded":          secret.key(key, &Filter{Name: "a", Length: 1024, Fold: 1, Noise: 0.05}),
		"another secret":  noiseSecret(t).key(key, &f),
	} {
		if other, twice := seen[string(k)]; twice {
			t.Errorf("%s and %s have the same noise", what, other)
		}
		seen[string(k)] = what
	}
}

func TestParseNoiseSecret(t *testing.T) {
	secret := noiseSecret(t)
	text := string(secret.Text())
	for _, good := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
		n, err := ParseNoiseSecret([]byte(good))
		if err != nil || !bytes.Equal(n.secret(), secret.secret()) {
			t.Errorf("not read: %v", err)
		}
	}
	key := string(testKey(t, "p").Text())
	for _, bad := range []string{"", "\n\n\n", key, text + "\n", text[:len(text)-3] + "\n", text + text, strings.ToLower(text),
		strings.Replace(text, "version 1", "version 2", 1), strings.Repeat(text, 100)} {
		_, err := ParseNoiseSecret([]byte(bad))
		if err == nil {
			t.Errorf("%d bytes that are no secret are read as one", len(bad))
		} else if shows(err.Error(), traces(secret.secret())) {
			t.Error("an error shows the secret")
		}
	}
	if _, err := ParseNoiseSecret([]byte(strings.Replace(text, "version 1", "version 2", 1))); !strings.Contains(err.Error(), "another version") {
		t.Errorf("a later version: %v", err)
	}
	// A letter changed anywhere in the secret is seen.
	from := strings.Index(text, "secret: ") + len("secret: ")
	for i := from; i < len(text)-1; i++ {
		if text[i] == ' ' {
			continue
		}
		to := byte('A')
		if text[i] == to {
			to = 'B'
		}
		if _, err := ParseNoiseSecret([]byte(text[:i] + string(to) + text[i+1:])); err == nil {
			t.Errorf("a secret with another letter %d is read", i-from)
		}
	}
}

func FuzzParseNoiseSecret(f *testing.F) {
	f.Add(noiseSecret(f).Text())
	f.Add([]byte(noiseFileVersion + "\n#\nsecret: AAAA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseNoiseSecret(text)
		if err == nil && !bytes.Equal(n.Text(), bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))) {
			t.Error("what is read is not what is written")
		}
	})
}
