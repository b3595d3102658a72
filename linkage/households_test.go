package linkage

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const homeBits = 2048

// homeFilter is half full of tokens, three in ten of the surname and the others of the
// address.
func homeFilter(surname, address string) []uint64 {
	out := make([]uint64, homeBits/64)
	for i := range 100 {
		text := fmt.Sprint("a", address, i)
		if i < 30 {
			text = fmt.Sprint("s", surname, i)
		}
		h := fnv.New64a()
		h.Write([]byte(text))
		r := rand.New(rand.NewPCG(h.Sum64(), 1))
		for range homeBits * 69 / 10000 {
			bit := r.IntN(homeBits)
			out[bit/64] |= 1 << (bit % 64)
		}
	}
	return out
}

// A resident is a person with records, each in a party of its own.
type resident []at

// at is what a record says: the key is that of the address where keyed.
type at struct {
	surname, address string
	keyed            bool
}

// live makes the result and the homes of residents. The order of records within a party is that of random record IDs.
func live(seed uint64, people ...resident) (*Result, Homes) {
	const parties = 4
	rng := rand.New(rand.NewPCG(seed, 2))
	r := &Result{Persons: len(people), First: []int{0}}
	h := Homes{Length: homeBits, Similarity: "dice", Exact: []ExactKey{}}
	for p := range parties {
		r.Parties = append(r.Parties, string(rune('a'+p)))
		type row struct {
			id     RecordID
			person int32
			at
		}
		var rows []row
		for i, person := range people {
			if p < len(person) {
				x := row{person: int32(i), at: person[p]}
				for k := range x.id {
					x.id[k] = byte(rng.Uint32())
				}
				rows = append(rows, x)
			}
		}
		slices.SortFunc(rows, func(a, b row) int { return slices.Compare(a.id[:], b.id[:]) })
		for _, x := range rows {
			r.IDs, r.Person = append(r.IDs, x.id), append(r.Person, x.person)
			key, filter := ExactKey{}, make([]uint64, homeBits/64)
			if x.keyed {
				copy(key[:], fmt.Sprintf("%-16s", x.address))
			}
			if x.surname != "" {
				filter = homeFilter(x.surname, x.address)
			}
			h.Bits, h.Exact = append(h.Bits, filter...), append(h.Exact, key)
		}
		r.First = append(r.First, len(r.IDs))
	}
	return r, h
}

func households(t *testing.T, r *Result, h Homes) *Households {
	t.Helper()
	out, err := r.Households(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Of) != r.Persons {
		t.Fatalf("%d persons have households, of %d", len(out.Of), r.Persons)
	}
	return out
}

func TestHouseholds(t *testing.T) {
	mill := func(surname string) at { return at{surname, "14 mill lane", false} }
	millKey := func(surname string) at { return at{surname, "14 mill lane", true} }
	park := func(surname string) at { return at{surname, "3 park road", true} }
	for name, c := range map[string]struct {
		people []resident
		want   []int32
	}{
		"a family":                        {[]resident{{mill("a"), mill("a")}, {mill("a")}, {park("a")}}, []int32{0, 0, 1}},
		"some have the key":               {[]resident{{mill("a")}, {millKey("a")}, {mill("a")}}, []int32{0, 0, 0}},
		"neighbours with keys":            {[]resident{{at{"a", "14 mill lane", true}}, {at{"a", "15 mill lane", true}}}, []int32{0, 1}},
		"two surnames, no key":            {[]resident{{mill("a"), mill("a")}, {mill("b"), mill("b")}}, []int32{0, 1}},
		"two surnames, sure":              {[]resident{{millKey("a"), millKey("a")}, {mill("b"), millKey("b")}, {millKey("a")}}, []int32{0, 0, 0}},
		"the former family":               {[]resident{{millKey("a"), millKey("a")}, {millKey("b"), park("b")}, {park("b"), millKey("b")}, {park("b")}}, []int32{0, 1, 1, 1}},
		"moved together, not noted alike": {[]resident{{park("b"), mill("b")}, {mill("b"), park("b")}, {park("b")}}, []int32{0, 0, 0}},
		"once each, so not sure":          {[]resident{{millKey("a")}, {millKey("b")}}, []int32{0, 1}},
		"nothing said":                    {[]resident{{at{}}, {mill("a")}, {at{}}}, []int32{-1, 0, -1}},
		"a key alone":                     {[]resident{{at{"", "flat", true}, at{"", "flat", true}}, {at{"", "flat", true}, at{"", "flat", true}}}, []int32{0, 0}},
		"a key, and another's filter":     {[]resident{{at{"", "flat", true}}, {mill("a")}}, []int32{0, 1}},
	} {
		for seed := range uint64(5) {
			r, h := live(seed, c.people...)
			if got := households(t, r, h); !slices.Equal(got.Of, c.want) {
				t.Errorf("%s: got %v, want %v", name, got.Of, c.want)
			}
		}
	}
}

// A crowd of one surname at one address is no household; twelve are one.
func TestHouseholdsTooLarge(t *testing.T) {
	crowd := func(n int, keyed bool) *Households {
		people := make([]resident, n)
		for i := range people {
			people[i] = resident{at{"x", "hostel", keyed}, at{"x", "hostel", keyed}}
		}
		r, h := live(1, people...)
		return households(t, r, h)
	}
	if got := crowd(mostInHousehold, false); got.N != 1 || got.TooLarge != 0 {
		t.Errorf("%d persons are %d households", mostInHousehold, got.N)
	}
	if got := crowd(mostInHousehold+1, false); got.N != mostInHousehold+1 || got.TooLarge != 1 {
		t.Errorf("%d persons are %d households, and %d groups too large", mostInHousehold+1, got.N, got.TooLarge)
	}
	if got := crowd(mostInHousehold+1, true); got.N != 1 {
		t.Errorf("%d persons of one key are %d households", mostInHousehold+1, got.N)
	}
	if got := crowd(mostOfOneFilter+1, false); got.N != mostOfOneFilter+1 {
		t.Errorf("%d persons of one filter are %d households", mostOfOneFilter+1, got.N)
	}
}

// The number of workers changes nothing, and households are numbered by their first persons.
func TestHouseholdsAreTheSameByManyWorkers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		record := rapid.Custom(func(rt *rapid.T) at {
			return at{rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(rt, "surname"), rapid.SampledFrom([]string{"1 mill lane", "2 mill lane", "3 park road", "4 elm close"}).Draw(rt, "address"), rapid.Bool().Draw(rt, "keyed")}
		})
		people := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) resident {
			return rapid.SliceOfN(record, 1, 4).Draw(rt, "records")
		}), 1, 12).Draw(rt, "people")
		r, h := live(3, people...)
		h.Workers = 1
		one := households(t, r, h)
		h.Workers = 3
		if got := households(t, r, h); !slices.Equal(got.Of, one.Of) {
			rt.Fatal("another number of workers makes other households")
		}
		next := int32(0)
		for p, of := range one.Of {
			if of > next || of == -1 && slices.ContainsFunc(people[p], func(x at) bool { return x.surname != "" || x.keyed }) {
				rt.Fatalf("the households are %v", one.Of)
			}
			if of == next {
				next++
			}
		}
		if int(next) != one.N {
			rt.Fatalf("%d households are numbered, of %d", next, one.N)
		}
	})
}

func TestHouseholdIDs(t *testing.T) {
	r, h := live(1, resident{at{"a", "x", false}}, resident{at{"a", "x", false}}, resident{at{"b", "y", false}})
	got := households(t, r, h)
	secret := []byte("secret of thirty-two bytes or so")
	ids := r.HouseholdIDs(got, secret, "")
	if len(ids) != 2 || ids[0] == ids[1] || slices.Equal(ids, r.HouseholdIDs(got, secret, "a")) || slices.Equal(ids, r.HouseholdIDs(got, []byte("other"), "")) {
		t.Error("household IDs do not depend on the household, the party and the secret")
	}
	for _, person := range r.PersonIDs(secret, "") {
		if slices.Contains(ids, person) {
			t.Error("a household has the name of a person")
		}
	}
}

// Of filters that are half full, the threshold lies between what tokens in common give for one home and for two.
func TestHomeScore(t *testing.T) {
	m, err := newMeasure("dice", homeBits)
	if err != nil {
		t.Fatal(err)
	}
	score := func(common int) float64 { // of a hundred tokens
		var a, b [homeBits / 64]uint64
		rng := rand.New(rand.NewPCG(uint64(common), 9))
		for i := range 200 {
			for range homeBits * 69 / 10000 {
				bit := rng.IntN(homeBits)
				if i < 100 {
					a[bit/64] |= 1 << (bit % 64)
				}
				if i < common || i >= 100 && i < 200-common {
					b[bit/64] |= 1 << (bit % 64)
				}
			}
		}
		c, p, q := 0, 0, 0
		for i := range a {
			for bit := range 64 {
				x, y := int(a[i]>>bit&1), int(b[i]>>bit&1)
				c, p, q = c+x*y, p+x, q+y
			}
		}
		return m.score(c, p, q)
	}
	for similarity, fill := range map[string]float64{"dice": 0.5, "noise:0.1": 0.5, "xor:4:0.5": 0.4} {
		got := homeScore(similarity, fill)
		if low, high := score(74), score(86); !(low < got && got < high) {
			t.Errorf("%s: %.3f is not between %.3f, two homes, and %.3f, one", similarity, got, low, high)
		}
	}
	if got := homeScore("sketch:3", 0.5); got != homeLikeness {
		t.Errorf("sketch: %v", got)
	}
	for _, fill := range []float64{0, 1} {
		if got := homeScore("dice", fill); !(got > 0 && got <= 1) {
			t.Errorf("fill %v gives %v", fill, got)
		}
	}
}

// Filters that say nothing, nearly all of them alike, do not bring everybody together.
func TestHouseholdsOfFiltersAllAlike(t *testing.T) {
	var people []resident
	for i := range 1500 {
		people = append(people, resident{at{fmt.Sprint(i), fmt.Sprint(i), false}})
	}
	r, h := live(1, people...)
	full := homeFilter("all", "the same")
	for i := range r.IDs { // but for one bit of a few
		row := h.Bits[i*homeBits/64:][:homeBits/64]
		copy(row, full)
		row[i%len(row)] ^= 1 << (i / len(row))
	}
	h.MaxPairs = 1_000_000
	if got := households(t, r, h); got.N < r.Persons/2 || got.Threshold < 0.99 {
		t.Errorf("%d households of %d persons, at %.3f", got.N, r.Persons, got.Threshold)
	}
}

// Homes are blocked as persons are, where that pays; where it does not all are compared, asked for or not.
func TestHouseholdsBlocked(t *testing.T) {
	const families = 1500
	var people []resident
	for i := range families {
		lives := at{fmt.Sprint("surname ", i), fmt.Sprint("address ", i), false}
		people = append(people, resident{lives}, resident{lives})
	}
	town := func(noise float64) (*Result, Homes) {
		r, h := live(2, people...)
		rng := rand.New(rand.NewPCG(3, 3))
		for range int(noise * float64(len(h.Bits)*64)) {
			bit := rng.IntN(len(h.Bits) * 64)
			h.Bits[bit/64] ^= 1 << (bit % 64)
		}
		return r, h
	}
	r, h := town(0.01)
	whole := households(t, r, h)
	if whole.Plan.Method != BlockNone || whole.Plan.Unblocked != "" || whole.N > families*101/100 {
		t.Fatalf("%d households of %d families, by plan %+v", whole.N, families, whole.Plan)
	}
	h.Blocking = Blocking{Method: BlockExact}
	if got := households(t, r, h); got.Plan.Method != BlockNone || !slices.Equal(got.Of, whole.Of) {
		t.Errorf("keys block homes too: %+v", got.Plan)
	}
	for _, method := range []string{BlockLSH, BlockBoth} {
		h.Blocking = Blocking{Method: method, Loss: 0.01}
		got := households(t, r, h)
		if got.Plan.Method != BlockLSH || got.Compared > whole.Compared/4 || got.N < whole.N || float64(got.N-whole.N) > 0.03*families {
			t.Errorf("by %s, %d households and without %d, of %d pairs and %d", method, got.N, whole.N, got.Compared, whole.Compared)
		}
	}
	r, h = town(0.15)
	whole = households(t, r, h)
	h.Blocking = Blocking{Method: BlockLSH, Loss: 0.001}
	if got := households(t, r, h); got.Plan.Method != BlockNone || got.Plan.Unblocked == "" || !slices.Equal(got.Of, whole.Of) {
		t.Errorf("where it does not pay, the plan is %+v", got.Plan)
	}
}

func TestHouseholdsRefuse(t *testing.T) {
	r, h := live(1, resident{at{"a", "x", true}})
	short := h
	short.Bits = short.Bits[1:]
	if _, err := r.Households(t.Context(), short); err == nil {
		t.Error("too few filters were taken")
	}
	short = h
	short.Exact = short.Exact[1:]
	if _, err := r.Households(t.Context(), short); err == nil {
		t.Error("too few keys were taken")
	}
	short = h
	short.Similarity = "magic"
	if _, err := r.Households(t.Context(), short); err == nil {
		t.Error("an unknown similarity was taken")
	}
	alone := Homes{Exact: h.Exact}
	if got := households(t, r, alone); !slices.Equal(got.Of, []int32{0}) {
		t.Errorf("by keys alone: %v", got.Of)
	}
}
