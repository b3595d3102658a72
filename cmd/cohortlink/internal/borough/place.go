package borough

import (
	"math/rand/v2"
	"time"
)

// The borough is a line. A home is a position on it; a postcode, a sector, a small area and a practice's surroundings are stretches of it.
// A position does not depend on how many people there are, so that a bigger borough has the same people at more postcodes.
//
// Postcodes have the British form (BS7666) in areas that Royal Mail has never used: OB for the borough, OC for everywhere else.

// home is a position: the low 31 bits are the place on the line, the top bit says outside the borough.
type home uint32

const outside home = 1 << 31

func (h home) inBorough() bool { return h&outside == 0 }

// stretch is the index of the one of n equal stretches of the line in which the home lies.
func (h home) stretch(n int) int { return int(uint64(h&^outside) * uint64(n) >> 31) }

// anywhere draws a home.
func anywhere(r *rand.Rand, inside bool) home {
	h := home(r.Uint32() >> 1)
	if !inside {
		h |= outside
	}
	return h
}

// streets is the map: how many sectors and postcodes a borough's size makes, who is poor, where the practices are.
type streets struct {
	sectors, units int // units: postcodes in a sector, at most 400
	deprivation    [60]byte
	practices      []practice
}

type practice struct {
	at     float64 // position on the line, 0 to 1
	weight float64 // list size relative to the others
}

// Relative list sizes: the first 13 of Trafford's practices (traffordDataLab, OGL v3), rounded to a thousand patients.
var listSizes = [...]float64{8, 9, 13, 6, 6, 11, 5, 8, 11, 16, 9, 9, 15}

func newStreets(s *Settings) *streets {
	m := &streets{
		// A sector has some 5,000 people in a town; in a small borough more sectors than that, since otherwise most moves would stay in one.
		sectors: max(40, s.People/5000),
	}
	m.units = min(400, max(1, s.People/m.sectors/22)) // about 22 people to a postcode: Trafford has 11,264 for 241,025
	// Sixty neighbourhoods, a fifth in each national quintile, in an order drawn from the seed.
	r := stream(s.Seed, streamStreets, 0)
	for i, j := range r.Perm(len(m.deprivation)) {
		m.deprivation[i] = byte(j%5) + 1
	}
	for i := range s.Practices {
		m.practices = append(m.practices, practice{at: (float64(i) + r.Float64()) / float64(s.Practices), weight: listSizes[i%len(listSizes)]})
	}
	return m
}

const unitLetters = "ABDEFGHJLNPQRSTUWXYZ" // BS7666: the inward part has none of C I K M O V

// postcode writes a home's postcode with a space.
func (m *streets) postcode(h home) string {
	area, sectors, units := "OB", m.sectors, m.units
	if !h.inBorough() {
		area, sectors, units = "OC", 200, 100
	}
	sector := h.stretch(sectors)
	unit := h.stretch(sectors*units) - sector*units
	b := make([]byte, 0, 8)
	b = append(b, area...)
	b = appendInt(b, 1+sector/6)
	b = append(b, ' ', byte('1'+sector%6), unitLetters[unit/20], unitLetters[unit%20])
	return string(b)
}

// quintile is the deprivation quintile of a home, 1 the most deprived.
func (m *streets) quintile(h home) int { return int(m.deprivation[h.stretch(len(m.deprivation))]) }

// register picks the practice for a home: mostly the nearest for its size, sometimes the second, now and then any. Everyone in a home picks
// alike. Lists with room are not modelled one by one: that would make each household depend on all before it.
func (m *streets) register(h home) int8 {
	dice := mix(uint64(h))
	x, pick := float64(h&^outside)/(1<<31), float64(dice>>44)/(1<<20)
	if pick > 0.95 || !h.inBorough() {
		return int8(dice % uint64(len(m.practices)))
	}
	best, second := -1, -1
	distance := func(i int) float64 {
		d := m.practices[i].at - x
		return float64(d*d) / m.practices[i].weight
	}
	for i := range m.practices {
		switch {
		case best < 0 || distance(i) < distance(best):
			best, second = i, best
		case second < 0 || distance(i) < distance(second):
			second = i
		}
	}
	if pick > 0.75 && second >= 0 {
		best = second
	}
	return int8(best)
}

// day counts days since 1 January 1970.
type day int32

const year = 365.25 // days

func years(n float64) day { return day(n * year) }

func dayOf(t time.Time) day { return day(t.Unix() / 86400) }

// date is a day of birth as a record holds it. The zero date is a blank cell.
type date struct {
	y    int16
	m, d int8
}

func (d day) date() date {
	y, m, dd := time.Unix(int64(d)*86400, 0).UTC().Date()
	return date{int16(y), int8(m), int8(dd)}
}

func daysIn(y int16, m int8) int8 {
	return int8(time.Date(int(y), time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day())
}

// Products that are then added to are written float64(a*b): without that, a compiler may fuse the two steps on some processors and not on
// others, and the same settings would not give the same borough everywhere.

// Each thing that is drawn has a stream of random numbers of its own, so that neither the size of the borough, the number of workers nor
// another party's settings change it.
const (
	streamStreets = iota
	streamSize
	streamHousehold
	streamNeeds
	streamParty // + the party's number
)

// stream is a source of random numbers for one purpose and index.
func stream(seed uint64, purpose, index int) *rand.Rand {
	a := mix(seed ^ mix(uint64(purpose)<<40^uint64(index)))
	return rand.New(rand.NewPCG(a, mix(a)))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbouring numbers come out unrelated.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}
