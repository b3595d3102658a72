package clkhash

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// people is a schema with every kind of column, both hashes and a fold.
const people = `{"version": 3, "clkConfig": {"l": 512, "xor_folds": 1, "kdf": {"type": "HKDF", "info": "aW5mbw=="}}, "features": [
 {"identifier": "id", "ignored": true},
 {"identifier": "name", "format": {"type": "string", "case": "upper", "maxLength": 30}, "hashing": {"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerFeature": 100}}},
 {"identifier": "code", "format": {"type": "string", "encoding": "utf-16", "pattern": "[A-Z]{1,4}\\d*"}, "hashing": {"comparison": {"type": "ngram", "n": 3, "positional": true}, "strategy": {"bitsPerToken": 40}, "missingValue": {"sentinel": "NULL", "replaceWith": ""}}},
 {"identifier": "born", "format": {"type": "date", "format": "%d/%m/%Y"}, "hashing": {"comparison": {"type": "ngram", "n": 1, "positional": true}, "strategy": {"bitsPerToken": 9}, "hash": {"type": "doubleHash", "prevent_singularity": true}}},
 {"identifier": "age", "format": {"type": "integer", "minimum": 0, "maximum": 120}, "hashing": {"comparison": {"type": "numeric", "thresholdDistance": 4, "resolution": 3}, "strategy": {"bitsPerToken": 5}}},
 {"identifier": "sex", "format": {"type": "enum", "values": ["M", "F"]}, "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerToken": 10}}}
]}`

func drawRow(t *rapid.T) []string {
	return []string{
		rapid.StringN(0, 5, 20).Draw(t, "id"),
		rapid.StringMatching(`[A-ZÉ '-]{0,12}`).Draw(t, "name"),
		rapid.OneOf(rapid.Just("NULL"), rapid.StringMatching(`[A-Z]{1,4}[0-9]{0,5}`)).Draw(t, "code"),
		fmt.Sprintf("%02d/%d/%d", rapid.IntRange(1, 28).Draw(t, "d"), rapid.IntRange(1, 12).Draw(t, "m"), rapid.IntRange(1900, 2020).Draw(t, "y")),
		fmt.Sprint(rapid.IntRange(0, 120).Draw(t, "age")),
		rapid.SampledFrom([]string{"M", "F"}).Draw(t, "sex"),
	}
}

// TestRowsAreIndependent: what a worker has seen before changes no bit, nor does who else
// is at work, nor when its caches begin anew.
func TestRowsAreIndependent(t *testing.T) {
	e := mustEncoder(t, mustSchema(t, []byte(people)), "secret", Options{})
	seasoned := newWorkshop(e.keyed())
	rapid.Check(t, func(t *rapid.T) {
		row := drawRow(t)
		fresh := e.Worker()
		want, err := fresh.Encode(nil, 1, row)
		if err != nil {
			t.Fatal(err)
		}
		fresh.Close()
		if rapid.Bool().Draw(t, "clear tokens") {
			for _, h := range seasoned.hashers[1:] {
				h.tokens.clear()
			}
		}
		if rapid.Bool().Draw(t, "clear cells") {
			for _, h := range seasoned.hashers[1:] {
				h.cells.clear()
			}
		}
		for range 2 {
			got, err := seasoned.encode([]byte("before"), 1, row)
			if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Fatalf("differs in a worker with a past (%v)", err)
			}
		}
	})
}

func TestConcurrentWorkers(t *testing.T) {
	e := mustEncoder(t, mustSchema(t, []byte(people)), "secret", Options{})
	var rows [][]string
	for i := range 300 {
		rows = append(rows, []string{"", "ANN " + strings.Repeat("B", i%7), "AB" + fmt.Sprint(i%50), fmt.Sprintf("%d/%d/19%02d", i%28+1, i%12+1, i%100), fmt.Sprint(i % 121), "F"})
	}
	encode := func() (out []byte) {
		w := e.Worker()
		defer w.Close()
		for i, row := range rows {
			var err error
			if out, err = w.Encode(out, i+1, row); err != nil {
				t.Error(err)
			}
		}
		return out
	}
	want := encode()
	if len(want) != len(rows)*e.Size() {
		t.Fatalf("%d bytes", len(want))
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if !bytes.Equal(encode(), want) {
				t.Error("a worker beside others differs")
			}
		})
	}
	wait.Wait()
}

// TestCacheForgets fills a cache many times over and looks for words of another key.
func TestCacheForgets(t *testing.T) {
	c := newCache()
	key := func(i int) []byte { return fmt.Appendf(nil, "key %d", i*i) }
	kept := 0
	for i := range 3 * mostSlots {
		words := make([]uint32, 1+i%40)
		for j := range words {
			words[j] = uint32(i)
		}
		_, at := c.find(key(i), 1)
		c.put(key(i), words, at)
		if len(c.keys) > mostKeys || len(c.words) > mostWords || 4*c.used > 3*mostSlots {
			t.Fatal("the cache is larger than its bound")
		}
		for _, back := range []int{0, 1, 7, 1000} {
			if i < back {
				continue
			}
			if words, _ := c.find(key(i-back), 1); words != nil {
				kept++
				if int(words[0]) != i-back || len(words) != 1+(i-back)%40 {
					t.Fatalf("words of another key")
				}
			}
		}
	}
	if kept < 3*mostSlots {
		t.Errorf("found %d keys again, fewer than were put", kept)
	}
	// More words for a key replace fewer.
	_, at := c.find([]byte("x"), 1)
	c.put([]byte("x"), []uint32{1}, at)
	if words, at := c.find([]byte("x"), 2); words != nil {
		t.Error("one word for two")
	} else {
		c.put([]byte("x"), []uint32{1, 2}, at)
	}
	if words, _ := c.find([]byte("x"), 2); !slices.Equal(words, []uint32{1, 2}) {
		t.Error("the longer words are not found")
	}
	slabs := c.keys
	c.clear()
	if len(bytes.Trim(slabs, "\x00")) > 0 {
		t.Error("clear leaves keys behind")
	}
}

// TestFold compares folding by words with folding by bits.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := rapid.OneOf(rapid.IntRange(1, 300), rapid.SampledFrom([]int{64, 128, 192, 512})).Draw(t, "half")
		bits := rapid.SliceOfN(rapid.Bool(), 2*half, 2*half).Draw(t, "bits")
		filter := make([]uint64, (2*half+63)/64)
		for i, set := range bits {
			if set {
				filter[i/64] |= 1 << (63 - i%64)
			}
		}
		foldHalves(filter, half)
		for i := range (half + 63) / 64 * 64 {
			want := i < half && bits[i] != bits[i+half]
			if got := filter[i/64]>>(63-i%64)&1 == 1; got != want {
				t.Fatalf("bit %d is %v, want %v", i, got, want)
			}
		}
	})
}

// TestErrorsShowNoValue gives every kind of bad cell, and looks for it in the message.
func TestErrorsShowNoValue(t *testing.T) {
	e := mustEncoder(t, mustSchema(t, []byte(people)), "secret", Options{})
	good := []string{"1", "ANN", "AB12", "01/02/1990", "33", "F"}
	w := e.Worker()
	defer w.Close()
	if _, err := w.Encode(nil, 1, good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		column int
		cell   string
	}{
		{2, "zyxwv"}, {2, strings.Repeat("ZYXWV", 10)}, {2, "ZYXWV\xff"}, {3, "zyxwv"}, {3, "ABCDE777"},
		{4, "31/02/7777"}, {4, "zyxwv"}, {4, "7777-01-01"}, {5, "7777"}, {5, "-7777"}, {5, "zyxwv"}, {6, "zyxwv"},
	} {
		row := slices.Clone(good)
		row[c.column-1] = c.cell
		out, err := w.Encode([]byte("kept"), 12, row)
		var bad *RowError
		if !errors.As(err, &bad) {
			t.Errorf("column %d: %v", c.column, err)
			continue
		}
		if bad.Row != 12 || bad.Column != c.column || bad.Name != e.keyed().schema.features[c.column-1].identifier {
			t.Errorf("column %d: %+v", c.column, bad)
		}
		for _, piece := range []string{"zyx", "ZYX", "777", c.cell} {
			if strings.Contains(err.Error(), piece) {
				t.Errorf("column %d: the message shows the value: %v", c.column, err)
			}
		}
		if string(out) != "kept" {
			t.Errorf("column %d: a refused row wrote something", c.column)
		}
	}
	if _, err := w.Encode(nil, 5, good[:5]); err == nil || !strings.Contains(err.Error(), "row 5: has 5 cells") {
		t.Errorf("a short row: %v", err)
	}
	again, err := w.Encode(nil, 13, good)
	if err != nil || len(again) != e.Size() {
		t.Errorf("the worker does not go on after errors: %v", err)
	}
}

// TestKeysCannotBePrinted: no verb of fmt, no JSON and no log shows the secret or a key.
func TestKeysCannotBePrinted(t *testing.T) {
	const secret = "the-very-secret"
	e := mustEncoder(t, mustSchema(t, []byte(people)), secret, Options{})
	w := e.Worker()
	if _, err := w.Encode(nil, 1, []string{"1", "SOMEBODY", "AB12", "01/02/1990", "33", "F"}); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	type holder struct {
		e  *Encoder
		ev Encoder
		w  *Worker
		wv Worker
	}
	for _, v := range []any{e, *e, w, *w, holder{e, *e, w, *w}, []any{e, w}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
		if data, err := json.Marshal(v); err == nil {
			shown.Write(data)
		}
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "v", v)
	}
	key := e.keyed().keys[1][0]
	for _, leak := range []string{secret, "SOMEBODY", string(key[:8]), hex.EncodeToString(key[:8]), strings.Trim(fmt.Sprint(key[:8]), "[]")} {
		if strings.Contains(strings.ToLower(shown.String()), strings.ToLower(leak)) {
			t.Error("a key, the secret or a token was printed")
		}
	}
}

// TestKeysDependOnEverything: another secret, salt or place in the schema is another key.
func TestKeysDependOnEverything(t *testing.T) {
	row := []string{"1", "ANN", "AB12", "01/02/1990", "33", "F"}
	seen := map[string]string{}
	for name, change := range map[string]struct{ from, to, secret string }{
		"as is":   {"", "", "secret"},
		"secret":  {"", "", "secret "},
		"info":    {"aW5mbw==", "aW5mcA==", "secret"},
		"ordered": {`{"identifier": "id", "ignored": true},`, `{"identifier": "id", "ignored": true}, {"identifier": "id", "ignored": true},`, "secret"},
	} {
		source, cells := people, row
		if change.from != "" {
			source = strings.Replace(people, change.from, change.to, 1)
		}
		if name == "ordered" {
			cells = append([]string{"1"}, row...)
		}
		clk, err := mustEncoder(t, mustSchema(t, []byte(source)), change.secret, Options{}).Worker().Encode(nil, 1, cells)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if other, taken := seen[string(clk)]; taken {
			t.Errorf("%s and %s give the same CLK", name, other)
		}
		seen[string(clk)] = name
	}
}
