package hashing

import (
	"math"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing/norm"
)

func TestCheckFilters(t *testing.T) {
	for name, c := range map[string]struct {
		filters []Filter
		exact   []string
		want    string // "" where the schema is good
	}{
		"none":                    {nil, nil, "0 filters"},
		"seventeen":               {slices.Repeat(Plain(64), 17), nil, "17 filters: use 1 to 16"},
		"two alike":               {slices.Repeat(Plain(1024), 2), nil, `filter "record" is named twice`},
		"no name":                 {[]Filter{{Length: 1024}}, nil, `filter name ""`},
		"fill 0.05":               {[]Filter{{Name: "a", Length: 4096, Fill: 0.05}}, nil, ""},
		"fill 0.04":               {[]Filter{{Name: "a", Length: 4096, Fill: 0.04}}, nil, "fill must be from 0.05 to 0.5"},
		"fill 0.6":                {[]Filter{{Name: "a", Length: 4096, Fill: 0.6}}, nil, "fill must be"},
		"fill 0.3333":             {[]Filter{{Name: "a", Length: 4096, Fill: 0.3333}}, nil, "fill must be"},
		"fill NaN":                {[]Filter{{Name: "a", Length: 4096, Fill: math.NaN()}}, nil, "fill must be"},
		"fold 3":                  {[]Filter{{Name: "a", Length: 512, Fold: 3}}, nil, ""},
		"fold 4":                  {[]Filter{{Name: "a", Length: 8192, Fold: 4}}, nil, "cannot be folded 4 times"},
		"fold below 64":           {[]Filter{{Name: "a", Length: 256, Fold: 3}}, nil, "leave 64 bits"},
		"fold -1":                 {[]Filter{{Name: "a", Length: 256, Fold: -1}}, nil, "cannot be folded"},
		"noise 0.9":               {[]Filter{{Name: "a", Length: 256, Noise: 0.9}}, nil, ""},
		"noise 1":                 {[]Filter{{Name: "a", Length: 256, Noise: 1}}, nil, "noise must be"},
		"noise -0.1":              {[]Filter{{Name: "a", Length: 256, Noise: -0.1}}, nil, "noise must be"},
		"noise NaN":               {[]Filter{{Name: "a", Length: 256, Noise: math.NaN()}}, nil, "noise must be"},
		"nine hashes":             {[]Filter{{Name: "a", Length: 256, Hashes: 9}}, nil, "sketch of 9 hashes"},
		"a folded sketch":         {[]Filter{{Name: "a", Length: 256, Hashes: 3, Fold: 1}}, nil, "leave them out"},
		"of no field":             {[]Filter{{Name: "a", Length: 256, Fields: []string{}}}, nil, "made of no field"},
		"of an unknown field":     {[]Filter{{Name: "a", Length: 256, Fields: []string{"age"}}}, nil, `"age" is not a field`},
		"of a field twice":        {[]Filter{{Name: "a", Length: 256, Fields: []string{"sex", "sex"}}}, nil, `field "sex" is named twice`},
		"a field in none":         {[]Filter{{Name: "a", Length: 256, Fields: []string{"forename", "surname", "birth_date", "sex"}}}, nil, `field "postcode" is in no filter`},
		"a field only exact":      {[]Filter{{Name: "a", Length: 256, Fields: []string{"forename", "surname", "birth_date", "sex"}}}, []string{"postcode"}, ""},
		"exact key of no field":   {Plain(1024), []string{"age"}, `exact key "age" is not a field`},
		"exact key named twice":   {Plain(1024), []string{"sex", "sex"}, `exact key "sex" is named twice`},
		"the second is too short": {[]Filter{{Name: "a", Length: 256}, {Name: "b", Length: 64, Fill: 0.05}}, nil, `filter "b": field`},
	} {
		s := Schema{Project: "p", Fields: fiveFields(), Filters: c.filters, Exact: c.exact}
		err := s.Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestFingerprintCoversFilters: each thing that decides bits, or where they are written,
// changes it.
func TestFingerprintCoversFilters(t *testing.T) {
	base := func() Schema {
		return Schema{Project: "p", Fields: sixFields(), Exact: []string{"nhs_number"}, Filters: []Filter{
			{Name: "a", Length: 2048, Fold: 1}, {Name: "b", Length: 512, Hashes: 3, Fields: []string{"surname", "sex"}}}}
	}
	s := base()
	seen := map[string]string{s.Fingerprint(): "the schema itself"}
	for name, change := range map[string]func(*Schema){
		"name":              func(s *Schema) { s.Filters[0].Name = "c" },
		"length":            func(s *Schema) { s.Filters[0].Length = 4096 },
		"fill":              func(s *Schema) { s.Filters[0].Fill = 0.499 },
		"fold":              func(s *Schema) { s.Filters[0].Fold = 2 },
		"rule 90":           func(s *Schema) { s.Filters[0].Rule90 = true },
		"balance":           func(s *Schema) { s.Filters[0].Balance = true },
		"noise":             func(s *Schema) { s.Filters[0].Noise = 0.001 },
		"hashes":            func(s *Schema) { s.Filters[1].Hashes = 2 },
		"length of sketch":  func(s *Schema) { s.Filters[1].Length = 1024 },
		"fields":            func(s *Schema) { s.Filters[1].Fields = []string{"surname"} },
		"order of filters":  func(s *Schema) { slices.Reverse(s.Filters) },
		"one filter less":   func(s *Schema) { s.Filters = s.Filters[:1] },
		"no exact key":      func(s *Schema) { s.Exact = nil },
		"another exact key": func(s *Schema) { s.Exact = []string{"postcode"} },
		"weight of no vote": func(s *Schema) { s.Fields[3].Weight = 0.501 },
	} {
		s := base()
		change(&s)
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f := s.Fingerprint()
		if other, again := seen[f]; again {
			t.Errorf("%s: the fingerprint is that of %s", name, other)
		}
		seen[f] = name
	}
	for name, change := range map[string]func(*Schema){
		"fields turned":         func(s *Schema) { slices.Reverse(s.Fields) },
		"a filter's fields":     func(s *Schema) { slices.Reverse(s.Filters[1].Fields) },
		"half fill spelled out": func(s *Schema) { s.Filters[0].Fill = 0.5 },
		"all fields spelled out": func(s *Schema) {
			s.Filters[0].Fields = []string{"sex", "forename", "surname", "birth_date", "postcode", "nhs_number"}
		},
		"chosen through profiles": func(s *Schema) { s.Filters[0].measured = true },
	} {
		s := base()
		change(&s)
		if s.Fingerprint() == "" || seen[s.Fingerprint()] != "the schema itself" {
			t.Errorf("%s: the fingerprint changes, and no bit does", name)
		}
	}
}

// TestFiltersAreUnrelated: one record's filters and exact keys have nothing in common but
// the record: neither two filters of the same fields, nor a filter under each encoding.
func TestFiltersAreUnrelated(t *testing.T) {
	s := Schema{Project: "p", Fields: fiveFields(), Exact: []string{"forename", "surname"}, Filters: []Filter{
		{Name: "record", Length: 2048}, {Name: "a", Length: 2048}, {Name: "b", Length: 2048},
		{Name: "c", Length: 4096, Fold: 1}, {Name: "d", Length: 1024, Balance: true}, {Name: "e", Length: 1024, Balance: true},
		{Name: "f", Length: 2048, Hashes: 1}, {Name: "g", Length: 2048, Hashes: 1}, {Name: "h", Length: 2048, Hashes: 3}}}
	h := mustHasher(t, s, testKey(t, "p"))
	p := invent(10)
	for range 5 {
		values := p.person(s.Fields)
		values[1] = values[0] // the same name in two fields
		w, dst := h.Worker(), make([]uint64, h.Words())
		o := w.Hash(values, dst)
		if o.Exact[0] == o.Exact[1] || o.Exact[0] == (ExactKey{}) {
			t.Error("one value has the same exact key in two fields, or none")
		}
		var filters [][]uint64
		for i := range s.Filters {
			n := s.Filters[i].Bits() / 64
			filters, dst = append(filters, dst[:n]), dst[n:]
		}
		for i, x := range filters {
			for j, y := range filters[:i] {
				unrelated(t, s.Filters[j].Name+" and "+s.Filters[i].Name, x, y)
			}
		}
	}
}

// TestExactKeys: equal canonical values have equal keys, whatever was typed; a missing value
// has the zero key; another key of the project, another value or another field has another.
func TestExactKeys(t *testing.T) {
	s := Schema{Project: "p", Fields: sixFields(), Filters: Plain(1024), Exact: []string{"nhs_number", "postcode"}}
	key := func(k *Key, values ...string) []ExactKey {
		h := mustHasher(t, s, k)
		return slices.Clone(h.Worker().Hash(values, make([]uint64, h.Words())).Exact)
	}
	mine := testKey(t, "p")
	a := key(mine, "ANNE", "SMITH", "19870314", "F", "RG40 1XS", "999 000 0018")
	b := key(mine, "JOHN", "JONES", "20010101", "M", "rg401xs", "9990000018")
	if !slices.Equal(a, b) {
		t.Error("one value, typed in two ways, has two exact keys")
	}
	c := key(mine, "ANNE", "SMITH", "19870314", "F", "", "9990000026")
	if c[0] == a[0] || c[1] != (ExactKey{}) {
		t.Error("two values have one exact key, or a missing one has a key")
	}
	if d := key(newKey("p", make([]byte, 32)), "ANNE", "SMITH", "19870314", "F", "RG40 1XS", "9990000018"); d[0] == a[0] || d[1] == a[1] {
		t.Error("two project keys make the same exact keys")
	}
	// Set aside, a record gives away nothing, not even of the record before.
	h := mustHasher(t, s, mine)
	w, dst := h.Worker(), make([]uint64, h.Words())
	w.Hash([]string{"ANNE", "SMITH", "19870314", "F", "RG40 1XS", "9990000018"}, dst)
	if o := w.Hash([]string{"", "", "", "", "RG40 1XS", ""}, dst); !o.Unusable || o.Exact[1] != (ExactKey{}) {
		t.Error("a record set aside has an exact key")
	}
}

func TestWeak(t *testing.T) {
	folded := []Filter{{Name: "record", Length: 8192, Fold: 2}}
	all := []string{"forename", "surname", "birth_date", "sex", "postcode", "nhs_number"}
	for name, c := range map[string]struct {
		filters []Filter
		exact   []string
		want    []string // parts of each
	}{
		"folded":          {folded, []string{"nhs_number"}, nil},
		"rule 90, folded": {[]Filter{{Name: "a", Length: 1024, Fold: 1, Rule90: true}}, nil, nil},
		"sketch":          {[]Filter{{Name: "a", Length: 4096, Hashes: 3}}, nil, nil},
		"a profile":       {Profile("standard"), nil, nil},
		"plain":           {Plain(1024), nil, []string{`filter "record" is a Bloom filter that is not folded`}},
		"only balanced":   {[]Filter{{Name: "a", Length: 1024, Balance: true, Noise: 0.05}}, nil, []string{"not folded"}},
		"one hash":        {[]Filter{{Name: "a", Length: 1024, Hashes: 1}}, nil, []string{"too few hashes"}},
		"two hashes":      {[]Filter{{Name: "a", Length: 1024, Hashes: 2}}, nil, []string{"too few hashes"}},
		"folded once":     {[]Filter{{Name: "a", Length: 4096, Fold: 1}}, nil, []string{"folded too few times"}},
		"rule 90 alone":   {[]Filter{{Name: "a", Length: 4096, Rule90: true}}, nil, []string{"folded too few times"}},
		"low fill":        {[]Filter{{Name: "a", Length: 8192, Fill: 0.35, Fold: 2}}, nil, []string{"folded too few times"}},
		"lower, thrice":   {[]Filter{{Name: "a", Length: 8192, Fill: 0.3, Fold: 3}}, nil, nil},
		"one field":       {[]Filter{{Name: "a", Length: 1024, Fold: 2, Fields: []string{"surname"}}, {Name: "b", Length: 1024, Fold: 2, Fields: all}}, nil, []string{`field "surname" alone`}},
		"exact":           {folded, []string{"sex", "birth_date", "postcode", "surname"}, []string{`"sex"`, `"birth_date"`, `"postcode"`, `"surname"`}},
	} {
		s := Schema{Project: "p", Fields: sixFields(), Filters: c.filters, Exact: c.exact}
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := s.Weak()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %d", name, got, len(c.want))
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s: %q, want one with %q", name, got[i], c.want[i])
			}
		}
	}
	one := Schema{Project: "p", Fields: fieldsOf(norm.NHSNumber), Filters: Profile("high")}
	if len(one.Weak()) != 1 {
		t.Error("a profile over one field is not weak")
	}
}
