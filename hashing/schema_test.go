package hashing

import (
	"math"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing/norm"

	"pgregory.net/rapid"
)

// fiveFields are those that nearly every project has.
func fiveFields() []Field {
	return []Field{
		{Name: "forename", Kind: norm.Name}, {Name: "surname", Kind: norm.Name}, {Name: "birth_date", Kind: norm.Date},
		{Name: "sex", Kind: norm.Sex}, {Name: "postcode", Kind: norm.Postcode},
	}
}

func TestSchemaCheck(t *testing.T) {
	good := func() Schema { return Schema{Project: "borough", Filters: Plain(1024), Fields: fiveFields()} }
	s := good()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	many := func(n int) []Field {
		fields := slices.Repeat([]Field{{Kind: norm.Name}}, n)
		for i := range fields {
			fields[i].Name = "f" + strings.Repeat("x", i)
		}
		return fields
	}
	for name, c := range map[string]struct {
		change func(*Schema)
		want   string // "" where the schema is good
	}{
		"no project":         {func(s *Schema) { s.Project = "" }, `project name ""`},
		"project in capital": {func(s *Schema) { s.Project = "Borough" }, `project name "Borough"`},
		"no fields":          {func(s *Schema) { s.Fields = nil }, "no fields"},
		"32 fields":          {func(s *Schema) { s.Fields = many(32) }, ""},
		"33 fields":          {func(s *Schema) { s.Fields = many(33) }, "33 fields"},
		"field without name": {func(s *Schema) { s.Fields[0].Name = "" }, `field name ""`},
		"field name of 63":   {func(s *Schema) { s.Fields[0].Name = strings.Repeat("f", 63) }, ""},
		"field name of 64":   {func(s *Schema) { s.Fields[0].Name = strings.Repeat("f", 64) }, "63 at most"},
		"name with markup":   {func(s *Schema) { s.Fields[0].Name = "<b>" }, `field name "<b>"`},
		"name with line end": {func(s *Schema) { s.Fields[0].Name = "a\n" }, `field name "a\n"`},
		"two alike":          {func(s *Schema) { s.Fields[1].Name = "forename" }, `field "forename" is named twice`},
		"no such kind":       {func(s *Schema) { s.Fields[1].Kind = "colour" }, `no kind "colour"`},
		"no kind":            {func(s *Schema) { s.Fields[1].Kind = "" }, `no kind ""`},
		"length 0":           {func(s *Schema) { s.Filters = Plain(0) }, "filter length 0"},
		"length 63":          {func(s *Schema) { s.Filters = Plain(63) }, "filter length 63"},
		"length 32":          {func(s *Schema) { s.Filters = Plain(32) }, "filter length 32"},
		"length 1000":        {func(s *Schema) { s.Filters = Plain(1000) }, "filter length 1000"},
		"length 2^16":        {func(s *Schema) { s.Filters = Plain(1 << 16) }, ""},
		"length 2^17":        {func(s *Schema) { s.Filters = Plain(1 << 17) }, "filter length 131072"},
		"length -1024":       {func(s *Schema) { s.Filters = Plain(-1024) }, "filter length -1024"},
		"length least":       {func(s *Schema) { s.Filters = Plain(math.MinInt) }, "filter length"},
		"weight 1.5":         {func(s *Schema) { s.Fields[0].Weight = 1.5 }, ""},
		"weight 0.125":       {func(s *Schema) { s.Fields[0].Weight = 0.125 }, ""},
		"weight 1.0005":      {func(s *Schema) { s.Fields[0].Weight = 1.0005 }, "weight"},
		"weight -1":          {func(s *Schema) { s.Fields[0].Weight = -1 }, "weight"},
		"weight 101":         {func(s *Schema) { s.Fields[0].Weight = 101 }, "weight"},
		"weight tiny":        {func(s *Schema) { s.Fields[0].Weight = 1e-9 }, "weight"},
		"weight NaN":         {func(s *Schema) { s.Fields[0].Weight = math.NaN() }, "weight"},
		"weight infinite":    {func(s *Schema) { s.Fields[0].Weight = math.Inf(1) }, "weight"},
		"weight without bit": {func(s *Schema) { s.Fields[0].Weight, s.Fields[1].Weight = 0.001, 100 }, `field "forename" would set less than one bit`},
		"short for 32":       {func(s *Schema) { s.Fields, s.Filters = many(32), Plain(64) }, "use a longer filter"},
	} {
		s := good()
		c.change(&s)
		err := s.Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestEveryKindFits: at the default length and weights no schema of kinds alone is
// refused for want of bits.
func TestEveryKindFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schema{Project: "p", Filters: Plain(DefaultLength)}
		for i, kind := range rapid.SliceOfN(rapid.SampledFrom(norm.Kinds()), 1, maxFields).Draw(t, "kinds") {
			s.Fields = append(s.Fields, Field{Name: "f" + strings.Repeat("x", i), Kind: kind})
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestKindsAreNormsKinds(t *testing.T) {
	for _, kind := range norm.Kinds() {
		if k, ok := kinds[kind]; !ok || k.cut == nil || k.tokens < 1 || k.weight < 1 {
			t.Errorf("kind %s has no tokens or no weight", kind)
		}
	}
	if len(kinds) != len(norm.Kinds()) {
		t.Errorf("%d kinds, norm has %d", len(kinds), len(norm.Kinds()))
	}
}

// TestFingerprint: each thing that decides bits changes it, and the order of fields does not.
func TestFingerprint(t *testing.T) {
	base := Schema{Project: "borough", Filters: Plain(1024), Fields: fiveFields()}
	want := base.Fingerprint()
	if len(want) != 64 || strings.Trim(want, "0123456789abcdef") != "" {
		t.Fatalf("fingerprint %q", want)
	}
	seen := map[string]string{want: "the schema itself"}
	for name, change := range map[string]func(*Schema){
		"project":             func(s *Schema) { s.Project = "another" },
		"length":              func(s *Schema) { s.Filters = Plain(2048) },
		"field renamed":       func(s *Schema) { s.Fields[0].Name = "given_name" },
		"names swapped":       func(s *Schema) { s.Fields[0].Name, s.Fields[2].Name = s.Fields[2].Name, s.Fields[0].Name },
		"kind":                func(s *Schema) { s.Fields[4].Kind = norm.Code },
		"field left out":      func(s *Schema) { s.Fields = s.Fields[:4] },
		"weight":              func(s *Schema) { s.Fields[0].Weight = 5 },
		"weight, not k":       func(s *Schema) { s.Fields[0].Weight = 3.001 },
		"one field of all":    func(s *Schema) { s.Fields = s.Fields[2:3] },
		"field named as kind": func(s *Schema) { s.Fields[3].Name = "name" },
	} {
		s := base
		s.Fields = slices.Clone(base.Fields)
		change(&s)
		f := s.Fingerprint()
		if other, again := seen[f]; again {
			t.Errorf("%s: the fingerprint is that of %s", name, other)
		}
		seen[f] = name
	}
	// The kind's own weight, spelled out, is the same schema.
	spelled := base
	spelled.Fields = slices.Clone(base.Fields)
	spelled.Fields[0].Weight = 3
	slices.Reverse(spelled.Fields)
	if got := spelled.Fingerprint(); got != want {
		t.Error("the order of fields, or a weight spelled out, changes the fingerprint")
	}
	if base.Fields[0].Name != "forename" {
		t.Error("Fingerprint changed the order of the caller's fields")
	}
	if string(base.canonical(norm.Digest())) == string(base.canonical([32]byte{})) {
		t.Error("the digest of the normalisation is not in the fingerprint")
	}
}

// TestKeepsShares: each field sets its weight's share of the bits, to rounding, and
// all of them together L ln 2.
func TestKeepsShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schema{Project: "p", Filters: Plain(1 << rapid.IntRange(6, 16).Draw(t, "log length"))}
		for i, kind := range rapid.SliceOfN(rapid.SampledFrom(norm.Kinds()), 1, 12).Draw(t, "kinds") {
			s.Fields = append(s.Fields, Field{"f" + strings.Repeat("x", i), kind, float64(rapid.IntRange(0, 100_000).Draw(t, "weight")) / 1000})
		}
		if s.Check() != nil {
			t.Skip("too many fields for the length")
		}
		total := 0
		for _, f := range s.Fields {
			total += f.weight()
		}
		for i, k := range s.bitsPerToken(&s.Filters[0]) {
			f := s.Fields[i]
			share := float64(s.Filters[0].Length) * math.Ln2 * float64(f.weight()) / float64(total)
			tokens := float64(kinds[f.Kind].tokens)
			if k < 1 || k > s.Filters[0].Length/2 || math.Abs(float64(k)*tokens-share) > tokens/2+1e-6 && k < s.Filters[0].Length/2 {
				t.Errorf("field of kind %s: %d bits a token, share %.1f of %d bits", f.Kind, k, share, s.Filters[0].Length)
			}
		}
	})
}
