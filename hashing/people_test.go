package hashing

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"cohortlink/hashing/norm"
)

// People made up for these tests: names as long, and as unevenly frequent, as UK
// names are (forenames 5.7 letters on average, surnames 6.3), from common syllables.
type invention struct {
	*rand.Rand
	forenames, surnames []string
}

func invent(seed uint64) *invention {
	p := &invention{Rand: rand.New(rand.NewPCG(seed, 7))}
	// Letters by their frequency in English.
	const vowels, consonants = "AAAAEEEEEEIIIOOOUY", "TTTNNNSSSRRRHHLLDDCCMMFPGWBKVJ"
	name := func(mean float64) string {
		n := max(2, int(math.Round(mean+1.8*p.NormFloat64())))
		b := make([]byte, n)
		odd := p.IntN(2)
		for i := range b {
			letters := consonants
			if (i+odd)%2 == 0 && p.IntN(5) > 0 {
				letters = vowels
			}
			b[i] = letters[p.IntN(len(letters))]
		}
		return string(b)
	}
	for range 2000 {
		p.forenames = append(p.forenames, name(5.7))
		p.surnames = append(p.surnames, name(6.3))
	}
	return p
}

// of picks a name by a law of Zipf's kind: a few names are many people's.
func (p *invention) of(names []string) string {
	return names[int(math.Pow(float64(len(names)), p.Float64()))-1]
}

func (p *invention) digits(first string, n int) string {
	for len(first) < n {
		first += string(byte('0' + p.IntN(10)))
	}
	return first
}

func (p *invention) value(kind norm.Kind) string {
	switch kind {
	case norm.Name:
		return p.of(p.surnames)
	case norm.Date:
		return fmt.Sprintf("%d%02d%02d", 1930+p.IntN(90), 1+p.IntN(12), 2+p.IntN(27))
	case norm.Year:
		return fmt.Sprint(1930 + p.IntN(90))
	case norm.Sex:
		return []string{"M", "F"}[p.IntN(2)]
	case norm.Postcode:
		const in = "ABDEFGHJLNPQRSTUWXYZ"
		area := []string{"RG4", "RG1", "SL", "M", "GU"}[p.IntN(5)]
		return fmt.Sprintf("%s%d%d%c%c", area, 1+p.IntN(9), p.IntN(10), in[p.IntN(20)], in[p.IntN(20)])
	case norm.NHSNumber:
		for {
			nine := p.digits("999", 9)
			for d := '0'; d <= '9'; d++ {
				if _, problem := norm.ParseNHSNumber(nine + string(d)); problem == norm.TestNumber {
					return nine + string(d)
				}
			}
		}
	case norm.UPRN:
		return p.digits("1", 11+p.IntN(2))
	case norm.Phone:
		return p.digits("01632", 11)
	case norm.Text:
		return fmt.Sprintf("%d %s", 1+p.IntN(99), p.of(p.surnames)+" RD")
	default:
		return p.digits("K", 6)
	}
}

func (p *invention) person(fields []Field) []string {
	values := make([]string, len(fields))
	for i, f := range fields {
		if values[i] = p.value(f.Kind); f.Name == "forename" {
			values[i] = p.of(p.forenames)
		}
	}
	return values
}

// sixFields are five and the number that tells most.
func sixFields() []Field {
	return append(fiveFields(), Field{Name: "nhs_number", Kind: norm.NHSNumber})
}

// BenchmarkHash reports rows a second on one core, names as uneven as people's.
func BenchmarkHash(b *testing.B) {
	for _, c := range []struct {
		name    string
		fields  []Field
		filters []Filter
		exact   []string
	}{
		{"five fields/1024 bits", fiveFields(), Plain(1024), nil},
		{"five fields/8192 bits", fiveFields(), Plain(8192), nil},
		{"six fields/1024 bits", sixFields(), Plain(1024), nil},
		{"six fields/standard", sixFields(), Profile("standard"), nil},
		{"six fields/high", sixFields(), Profile("high"), nil},
		{"six fields/8192 bits, folded twice, exact key", sixFields(), []Filter{{Name: RecordFilter, Length: 8192, Fold: 2}}, []string{"nhs_number"}},
		{"six fields/8192 bits, folded twice, balanced, noise", sixFields(), []Filter{{Name: RecordFilter, Length: 8192, Fold: 2, Balance: true, Noise: 0.05}}, nil},
		{"six fields/sketch of 4096 bits, 3 hashes", sixFields(), []Filter{{Name: RecordFilter, Length: 4096, Hashes: 3}}, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, rows := invent(6), make([][]string, 1<<16)
			for i := range rows {
				rows[i] = p.person(c.fields)
			}
			h := mustHasher(b, Schema{Project: "p", Filters: c.filters, Fields: c.fields, Exact: c.exact}, testKey(b, "p"))
			w, dst := h.Worker(), make([]uint64, h.Words())
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				w.Hash(rows[i%len(rows)], dst)
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
