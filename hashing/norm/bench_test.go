package norm

import "testing"

// What a partner waits for: cells a second on one core. go test -bench . ./hashing/norm
func BenchmarkValue(b *testing.B) {
	for _, bench := range []struct {
		name, dates string
		kind        Kind
		cells       []string
	}{
		{"name/canonical", "", Name, []string{"SMITH", "ANNE MARIE", "MOHAMMED", "THOMPSON"}},
		{"name/clean", "", Name, []string{"Smith", "Anne-Marie", "O'Connor", "Thompson"}},
		{"name/accents", "", Name, []string{"José", "Núñez", "Zoë", "Łukasz"}},
		{"date/DDMMYYYY", "DD/MM/YYYY", Date, []string{"03/04/1961", "25/12/1999", "17/08/2004", "31/01/1948"}},
		{"date/YYYYMMDD", "YYYYMMDD", Date, []string{"19610403", "19991225", "20040817", "19480131"}},
		{"date/month name", "D MMM YYYY", Date, []string{"3 Apr 1961", "25 Dec 1999", "17 Aug 2004", "31 Jan 1948"}},
		{"sex", "", Sex, []string{"M", "F", "Male", "Female"}},
		{"postcode", "", Postcode, []string{"RG40 1XS", "M1 1AA", "EC1A 1BB", "SO14 4AA"}},
		{"nhs-number", "", NHSNumber, []string{"9434765919", "9434765919", "943 476 5919", "9434765919"}},
		{"phone", "", Phone, []string{"020 7946 0958", "07700 900123", "+44 7700 900123", "01189 000000"}},
		{"text", "", Text, []string{"12a St. John's Road", "1 High Street", "Flat 3, The Mews", "Rose Cottage"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			n := must(b, bench.kind, Options{Dates: bench.dates})
			for _, cell := range bench.cells {
				if text, _ := n.Value(cell); text == "" {
					b.Fatal("the benchmark's cells must have values")
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				n.Value(bench.cells[i&3])
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mcells/s")
		})
	}
	b.Run("date column", func(b *testing.B) {
		var c DateColumn
		for b.Loop() {
			c.Add("25/12/1999")
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mcells/s")
	})
}
