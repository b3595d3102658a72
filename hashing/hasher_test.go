package hashing

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"

	"cohortlink/hashing/norm"

	"pgregory.net/rapid"
)

func mustHasher(t testing.TB, s Schema, key *Key) *Hasher {
	t.Helper()
	h, err := NewHasher(s, key, dateOptions(len(s.Fields)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// hashOne returns the filter of one record, with a worker of its own.
func hashOne(t testing.TB, h *Hasher, values ...string) []uint64 {
	t.Helper()
	dst := make([]uint64, h.Words())
	if h.Worker().Hash(values, dst).Unusable {
		t.Fatal("the record is set aside")
	}
	return dst
}

func weightOf(filter []uint64) (n int) {
	for _, w := range filter {
		n += bits.OnesCount64(w)
	}
	return n
}

func dice(a, b []uint64) float64 {
	both := 0
	for i := range a {
		both += bits.OnesCount64(a[i] & b[i])
	}
	return 2 * float64(both) / float64(weightOf(a)+weightOf(b))
}

func fieldsOf(kinds ...norm.Kind) []Field {
	var fields []Field
	for i, k := range kinds {
		fields = append(fields, Field{Name: fmt.Sprintf("f%d", i), Kind: k})
	}
	return fields
}

// TestFillIsHalf: complete records fill, on average, half of the filter, whatever the
// schema. Half is where a filter of a given length tells most (Bloom 1970).
func TestFillIsHalf(t *testing.T) {
	six := append(fiveFields(), Field{Name: "nhs_number", Kind: norm.NHSNumber})
	weighted := fiveFields()
	weighted[0].Weight, weighted[3].Weight = 8, 1.25
	for name, fields := range map[string][]Field{
		"five":          fiveFields(),
		"six":           six,
		"weighted":      weighted,
		"names":         fieldsOf(norm.Name, norm.Name),
		"a date":        fieldsOf(norm.Date),
		"numbers":       fieldsOf(norm.NHSNumber, norm.UPRN, norm.Phone),
		"every kind":    fieldsOf(norm.Kinds()...),
		"no name":       fieldsOf(norm.Year, norm.Sex, norm.Postcode, norm.Code),
		"name and text": fieldsOf(norm.Name, norm.Date, norm.Text),
	} {
		for _, length := range []int{512, 1024, 8192} {
			h := mustHasher(t, Schema{Project: "borough", Filters: Plain(length), Fields: fields}, testKey(t, "borough"))
			w, dst, p := h.Worker(), make([]uint64, h.Words()), invent(1)
			const people = 500
			sum := 0
			for range people {
				if w.Hash(p.person(fields), dst).Unusable {
					t.Fatalf("%s: a complete record is set aside", name)
				}
				sum += weightOf(dst)
			}
			fill := float64(sum) / float64(people*length)
			if fill < 0.45 || fill > 0.55 {
				t.Errorf("%s, %d bits: mean fill %.3f, want 0.45 to 0.55", name, length, fill)
			}
		}
	}
}

// TestPositionsAreDistinct: a token of a field sets exactly k bits, spread evenly.
func TestPositionsAreDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := 1 << rapid.IntRange(6, 16).Draw(t, "log length")
		s := Schema{Project: "p", Filters: Plain(length), Fields: []Field{{Name: "a", Kind: norm.Name}, {Name: "b", Kind: norm.Code}}}
		b := newBloomFilter(&s, &s.Filters[0], newKey("p", rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret")), 2)
		token := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "token")
		for i, k := range s.bitsPerToken(&s.Filters[0]) {
			pattern := b.banks[i].teller().pattern(token)
			p, again := positionsOf(b, i, token)
			if !slices.Equal(pattern, again) {
				t.Error("drawn again, a token has other positions")
			}
			slices.Sort(p)
			if len(slices.Compact(p)) != k || p[len(p)-1] >= length || weightOf(pattern) != k {
				t.Errorf("a token of field %d sets %d bits of %d, want %d", i, len(p), length, k)
			}
		}
	})
	// Every position is as likely as any other: chi-squared of 64 classes, whose mean is 63
	// and standard deviation 11.2. The keys and tokens are fixed, and so is the answer.
	s := Schema{Project: "p", Filters: Plain(64), Fields: fieldsOf(norm.Name)}
	b := newBloomFilter(&s, &s.Filters[0], testKey(t, "p"), 1)
	var count [64]float64
	const tokens = 5000
	for i := range tokens {
		drawn, _ := positionsOf(b, 0, []byte(fmt.Sprint(i)))
		for _, p := range drawn {
			count[p]++
		}
	}
	expected, chi2 := float64(tokens*s.bitsPerToken(&s.Filters[0])[0])/64, 0.0
	for _, n := range count {
		chi2 += (n - expected) * (n - expected) / expected
	}
	if chi2 > 63+4*11.2 {
		t.Errorf("positions are uneven: chi-squared %.0f with 63 degrees of freedom", chi2)
	}
}

// positionsOf draws the positions of a token in a filter's field, in the order of drawing,
// and the pattern that they make.
func positionsOf(b *bloomFilter, field int, token []byte) (positions []int, pattern []uint64) {
	pattern = make([]uint64, b.words)
	bank := b.banks[field]
	s := newStream(bank.key)
	s.start(token)
	bank.draw(&s, pattern)
	s.start(token)
	k := weightOf(pattern)
	drawPositions(&s, k, uint32(64*b.words-1), make([]uint64, b.words), func(p int) { positions = append(positions, p) })
	return positions, pattern
}

// TestFieldsHaveOwnKeys: one value in two fields of a kind sets unrelated bits.
func TestFieldsHaveOwnKeys(t *testing.T) {
	for _, kind := range norm.Kinds() {
		a := Schema{Project: "p", Filters: Plain(4096), Fields: []Field{{Name: "a", Kind: kind}}}
		b := Schema{Project: "p", Filters: Plain(4096), Fields: []Field{{Name: "b", Kind: kind}}}
		value := invent(2).value(kind)
		key := testKey(t, "p")
		unrelated(t, string(kind), hashOne(t, mustHasher(t, a, key), value), hashOne(t, mustHasher(t, b, key), value))
	}
}

// unrelated wants the likeness of two filters to be what chance makes it: of a and b
// bits set among L at random, a·b/L are common, with the variance of the
// hypergeometric distribution.
func unrelated(t testing.TB, what string, x, y []uint64) {
	t.Helper()
	length := float64(64 * len(x))
	a, b := float64(weightOf(x)), float64(weightOf(y))
	expected := 2 * a * b / length / (a + b)
	deviation := 2 / (a + b) * math.Sqrt(a*b*(length-a)*(length-b)/length/length/(length-1))
	if d := dice(x, y); math.Abs(d-expected) > 5*deviation {
		t.Errorf("%s: Dice %.3f, want %.3f as chance makes it (standard deviation %.3f)", what, d, expected, deviation)
	}
}

// TestKeysAndProjectsAreUnrelated: the same person under another key, or under the same
// secret in another project, has a filter like a stranger's.
func TestKeysAndProjectsAreUnrelated(t *testing.T) {
	p := invent(3)
	base := testKey(t, "borough")
	flipped := slices.Clone(base.secret())
	flipped[31] ^= 1
	others := map[string]*Key{"one bit of the key": newKey("borough", flipped), "another project": newKey("another", base.secret())}
	for range 20 {
		person := p.person(fiveFields())
		mine := hashOne(t, mustHasher(t, Schema{Project: "borough", Filters: Plain(1024), Fields: fiveFields()}, base), person...)
		for what, key := range others {
			h := mustHasher(t, Schema{Project: key.Project(), Filters: Plain(1024), Fields: fiveFields()}, key)
			unrelated(t, what, mine, hashOne(t, h, person...))
		}
	}
}

func TestNewHasherRefuses(t *testing.T) {
	s := Schema{Project: "borough", Filters: Plain(1024), Fields: fiveFields()}
	for name, c := range map[string]struct {
		change  func(*Schema)
		key     *Key
		options []norm.Options
		want    string
	}{
		"another project's key": {func(*Schema) {}, testKey(t, "another"), dateOptions(5), `made for project "another", not for "borough"`},
		"a bad schema":          {func(s *Schema) { s.Filters = Plain(1000) }, testKey(t, "borough"), dateOptions(5), "filter length"},
		"too few options":       {func(*Schema) {}, testKey(t, "borough"), dateOptions(4), "do not match"},
		"a bad date form":       {func(*Schema) {}, testKey(t, "borough"), slices.Repeat([]norm.Options{{Dates: "DDDD"}}, 5), `field "birth_date"`},
	} {
		changed := s
		c.change(&changed)
		if _, err := NewHasher(changed, c.key, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestEvidence: a record that carries less than MinEvidence of the weight is set aside,
// and one that carries just as much is not, whatever the order of the fields.
func TestEvidence(t *testing.T) {
	whole := []string{"ANNE", "SMITH", "19870314", "F", "RG401XS"}
	h := mustHasher(t, Schema{Project: "p", Filters: Plain(1024), Fields: fiveFields()}, testKey(t, "p"))
	dst := make([]uint64, h.Words())
	for mask := range 1 << 5 {
		values := make([]string, 5)
		carried, total := 0.0, 0.0
		for i, f := range fiveFields() {
			total += float64(f.weight())
			if mask>>i&1 == 1 {
				values[i] = whole[i]
				carried += float64(f.weight())
			}
		}
		for i := range dst {
			dst[i] = ^uint64(0)
		}
		o := h.Worker().Hash(values, dst)
		// 3 + 2 of 12.5 is 0.4 exactly.
		if want := carried/total < 0.4-1e-9; o.Unusable != want {
			t.Errorf("fields %05b carry %.3f of the weight: unusable %v", mask, carried/total, o.Unusable)
		}
		if o.Unusable != (weightOf(dst) == 0) {
			t.Errorf("fields %05b: unusable %v with %d bits set", mask, o.Unusable, weightOf(dst))
		}
	}
}

// TestEvidenceIsExact: weights such as 0.1, whose sums in floating point depend on
// their order, do not move the bound.
func TestEvidenceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Two of five fields of one weight are two fifths, in any order and unit.
		weight := float64(rapid.IntRange(1, 100_000).Draw(t, "weight")) / 1000
		s := Schema{Project: "p", Filters: Plain(1024), Fields: fieldsOf(norm.Sex, norm.Sex, norm.Sex, norm.Sex, norm.Sex)}
		values := rapid.Permutation([]string{"M", "F", "", "", ""}).Draw(t, "values")
		for i := range s.Fields {
			s.Fields[i].Weight = weight
		}
		h, err := NewHasher(s, newKey("p", make([]byte, 32)), dateOptions(5))
		if err != nil {
			t.Fatal(err)
		}
		if h.Worker().Hash(values, make([]uint64, h.Words())).Unusable {
			t.Errorf("two fifths of the weight, in fields of %v, is set aside", weight)
		}
		values[slices.Index(values, "M")] = ""
		if !h.Worker().Hash(values, make([]uint64, h.Words())).Unusable {
			t.Errorf("one fifth of the weight, in fields of %v, is not set aside", weight)
		}
	})
}

func TestOutcome(t *testing.T) {
	h := mustHasher(t, Schema{Project: "p", Filters: Plain(1024), Fields: append(fiveFields(), fieldsOf(norm.Text, norm.Code)...)}, testKey(t, "p"))
	w, dst := h.Worker(), make([]uint64, h.Words())
	values := []string{"Anne", "O\u2019Brien", "19870231", "9", "RG40 1X5", strings.Repeat("HIGH STREET ", 22), strings.Repeat("X1", 129)}
	o := w.Hash(values, dst)
	want := []norm.Problem{norm.None, norm.None, norm.ImpossibleDate, norm.Placeholder, norm.Invalid, norm.Invalid, norm.Invalid}
	if !slices.Equal(o.Problems, want) {
		t.Errorf("problems %v, want %v", o.Problems, want)
	}
	if same := hashOne(t, h, "ANNE", "OBRIEN", "198702--", "", "", "", ""); !slices.Equal(dst, same) {
		t.Error("values that are not usable set bits, or a partial date sets others than its known parts")
	}
	for name, f := range map[string]func(){
		"few values": func() { w.Hash(values[1:], dst) },
		"few words":  func() { w.Hash(values, dst[1:]) },
		"more words": func() { w.Hash(values, append(dst, 0)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestHashIsAUnion: a filter is the union of those of its fields, and order of fields,
// of words in a name and of records does not change it.
func TestHashIsAUnion(t *testing.T) {
	p := invent(4)
	fields := fieldsOf(norm.Kinds()...)
	s := Schema{Project: "p", Filters: Plain(1024), Fields: fields}
	h := mustHasher(t, s, testKey(t, "p"))
	turned := s
	turned.Fields = slices.Clone(fields)
	slices.Reverse(turned.Fields)
	back := mustHasher(t, turned, testKey(t, "p"))
	for range 50 {
		values := p.person(fields)
		values[0] += " " + p.of(p.surnames)
		all := hashOne(t, h, values...)
		union := make([]uint64, h.Words())
		// A field alone has too little evidence, so each is left out in turn: what all of the
		// filters without it share at least, and what each adds, make up the whole.
		for i := range values {
			without := slices.Clone(values)
			without[i] = ""
			for j, word := range hashOne(t, h, without...) {
				if word&^all[j] != 0 {
					t.Fatalf("without field %d a record has bits that the whole does not", i)
				}
				union[j] |= word
			}
		}
		if !slices.Equal(union, all) {
			t.Error("the fields do not make up the filter")
		}
		words := strings.Fields(values[0])
		swapped := slices.Clone(values)
		swapped[0] = words[1] + " " + words[0]
		if !slices.Equal(hashOne(t, h, swapped...), all) {
			t.Error("the order of the words of a name changes its bits")
		}
		slices.Reverse(values)
		if !slices.Equal(hashOne(t, back, values...), all) {
			t.Error("the order of the fields changes the bits")
		}
	}
}

// TestSlipsCostFewTokens: how many tokens a wrong character takes away.
func TestSlipsCostFewTokens(t *testing.T) {
	lost := func(kind norm.Kind, a, b string) (n int) {
		other := cutSet(kind, b)
		for _, token := range cutSet(kind, a) {
			if !slices.Contains(other, token) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		kind norm.Kind
		a, b string
		want int
	}{
		{norm.Date, "19870314", "18870314", 1}, // century
		{norm.Date, "19870314", "19770314", 2}, // decade
		{norm.Date, "19870314", "19880314", 2},
		{norm.Date, "19870314", "19870414", 1}, // month
		{norm.Date, "19870314", "19870324", 1},
		{norm.Date, "19870314", "19870315", 2},
		{norm.Date, "19870314", "1987--14", 1},
		{norm.Date, "19870314", "----0314", 3},
		{norm.Postcode, "RG401XS", "RG401XY", 1},
		{norm.NHSNumber, "9990000018", "9990000026", 2}, // its check digit too
		{norm.Name, "CATHERINE", "CATHARINE", 2},
		{norm.Name, "SMITH", "SMITH JONES", 0},
		{norm.Name, "ANNE", "ANN", 2},
		{norm.Code, "K81001", "K81002", 1},
	} {
		if got := lost(c.kind, c.a, c.b); got != c.want {
			t.Errorf("%s: %d tokens lost, want %d", c.kind, got, c.want)
		}
	}
}

// TestPositionedStaysInRange: whatever a cell holds, a kind that is cut by place has at
// most 26 ASCII characters, and a date eight.
func TestPositionedStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9]{1,30}`), rapid.StringMatching(`[A-Za-z0-9 ./:+-]{1,20}`),
			rapid.StringMatching(`[0-9０-９]{1,4}[-/. ]?[0-9]{1,2}[-/. ]?[0-9-]{1,4}`), rapid.StringMatching(`[0-9-]{4}[0-9-]{2}[0-9-]{2}`)).Draw(t, "cell")
		for _, kind := range []norm.Kind{norm.Year, norm.Postcode, norm.NHSNumber, norm.UPRN, norm.Date} {
			form := rapid.SampledFrom([]string{"", "YYYY", "YYYYMMDD", "DD/MM/YYYY", "DD/MM/YY"}).Draw(t, "form")
			n, err := norm.New(kind, norm.Options{Dates: form})
			if err != nil {
				t.Fatal(err)
			}
			text, _ := n.Value(cell)
			if text == "" {
				continue
			}
			if kind == norm.Date && (len(text) != 8 || strings.Trim(text, "-") == "") || len(text) > 12 ||
				kind != norm.Date && strings.Contains(text, "-") || kind == norm.Year && len(text) != 4 {
				t.Errorf("%s: a canonical text of %d bytes, or of another shape", kind, len(text))
			}
			for _, c := range []byte(text) {
				if c <= ' ' || c > '~' {
					t.Errorf("%s: a canonical text with byte %#x", kind, c)
				}
			}
			for _, token := range cutSet(kind, text) {
				if token[0]|0x20 < 'a' || token[0]|0x20 > 'z' || strings.Contains(token, "-") {
					t.Errorf("%s: a token tagged %#x, or of an unknown part", kind, token[0])
				}
			}
		}
	})
}

// TestWorkersAgree: any number of workers, rows in any order, and caches that overflow
// all the time give the same bits. Run with -race, it also shows that workers may overlap.
func TestWorkersAgree(t *testing.T) {
	fields := append(fieldsOf(norm.Code, norm.Phone), fiveFields()...)
	s := Schema{Project: "p", Fields: fields, Filters: []Filter{
		{Name: RecordFilter, Length: 1024}, {Name: "hard", Length: 1024, Fold: 1, Rule90: true, Balance: true}, {Name: "sketch", Length: 128, Hashes: 3}}}
	p := invent(5)
	rows := make([][]string, 1500)
	for i := range rows {
		rows[i] = p.person(fields)
	}
	hash := func(h *Hasher, order []int, workers int) [][]uint64 {
		out := make([][]uint64, len(rows))
		var wg sync.WaitGroup
		for n := range workers {
			wg.Go(func() {
				w := h.Worker()
				for j := n; j < len(order); j += workers {
					row := order[j]
					out[row] = make([]uint64, h.Words())
					w.Hash(rows[row], out[row])
				}
			})
		}
		wg.Wait()
		return out
	}
	inOrder := make([]int, len(rows))
	for i := range inOrder {
		inOrder[i] = i
	}
	want := hash(mustHasher(t, s, testKey(t, "p")), inOrder, 1)
	same := func(what string, got [][]uint64) {
		t.Helper()
		for i := range got {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("%s: row %d has other bits", what, i)
				return
			}
		}
	}
	for _, workers := range []int{1, 2, 7, 16} {
		h := mustHasher(t, s, testKey(t, "p"))
		same(fmt.Sprintf("%d workers, rows shuffled", workers), hash(h, p.Perm(len(rows)), workers))
		same(fmt.Sprintf("%d workers, again", workers), hash(h, inOrder, workers))
	}
	for _, most := range []int{1, 3, 50} {
		h := mustHasher(t, s, testKey(t, "p"))
		var banks []*bank // the workers share them
		for _, f := range h.worker(nil).filters {
			tellers := []*teller{}
			switch e := f.encode.(type) {
			case *bloomEncoder:
				tellers = e.tellers
			case *sketchEncoder:
				tellers = e.tellers
			}
			for _, teller := range tellers {
				teller.of.most = most
				banks = append(banks, teller.of)
			}
		}
		found(t, len(banks), 3*len(fields))
		same(fmt.Sprintf("%d tokens remembered", most), hash(h, p.Perm(len(rows)), 4))
		for _, b := range banks {
			if len(b.drawn) > most {
				t.Errorf("%d tokens remembered, want at most %d", len(b.drawn), most)
			}
		}
	}
}

// TestCacheIsBounded: what a hasher may remember stays under its bound for every length
// and number of fields, and is enough for all bigrams of letters.
func TestCacheIsBounded(t *testing.T) {
	for words := 1; words <= 1<<13; words *= 2 {
		for banks := 1; banks <= maxFields*maxFilters; banks++ {
			n := cached(words, banks)
			if n < 256 || n > 1<<16 || n > 256 && banks*n*8*words > cacheBytes {
				t.Errorf("%d banks of %d words: %d tokens", banks, words, n)
			}
		}
	}
	for what, s := range map[string]*Filter{"standard": &Profile("standard")[0], "high": &Profile("high")[0], "folded twice": {Length: 8192}} {
		if n := cached(s.Length/64*max(1, s.Hashes), 6); n < 27*27 {
			t.Errorf("%s: a project of six fields remembers %d tokens a field", what, n)
		}
	}
}

// FuzzHash: no values make a panic, and equal values equal bits.
func FuzzHash(f *testing.F) {
	fields := fieldsOf(norm.Kinds()...)
	s := Schema{Project: "p", Fields: fields, Exact: []string{"f5"}, Filters: []Filter{
		{Name: RecordFilter, Length: 256}, {Name: "hard", Length: 512, Fold: 1, Rule90: true, Balance: true}, {Name: "sketch", Length: 128, Hashes: 3}}}
	h := mustHasher(f, s, testKey(f, "p"))
	for seed := range uint64(5) {
		f.Add(strings.Join(invent(seed).person(fields), "\x1f"))
	}
	f.Add("O\u2019Brien-李\x1f1994--31\x1f1994--31\x1fx")
	f.Add("\xff\xfe\x1f\x00\x1f----0231")
	w := h.Worker()
	f.Fuzz(func(t *testing.T, row string) {
		values := strings.Split(row, "\x1f")
		values = append(values, make([]string, len(fields))...)[:len(fields)]
		a, b := make([]uint64, h.Words()), make([]uint64, h.Words())
		o := w.Hash(values, a)
		if h.Worker().Hash(values, b).Unusable != o.Unusable || !slices.Equal(a, b) {
			t.Error("hashed again, a record has other bits")
		}
		if o.Unusable != (weightOf(a) == 0) {
			t.Errorf("unusable %v, with %d bits", o.Unusable, weightOf(a))
		}
	})
}
