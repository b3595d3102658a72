package borough

import (
	"math/rand/v2"
	"strings"
)

// Addresses, where Settings ask for them: an address line and a UPRN for each record, as of the day that the record has its postcode from.
// They are drawn from a stream of their own, so that a borough has the same people in the same records with and without them.
//
// Homes that people have left are lived in by others, or else nobody could be taken for living with those who moved in after him. So a
// former home is that of another household of today (reoccupied), and records of both are at one address.
//
// A home is a position on the line (place.go). Its street goes with its postcode, its number with its place in it, so that neighbours have
// the same street, nearby numbers and nearly the same UPRN, as they do in life. About one home in a hundred shares its address line with
// another of the postcode by chance; none shares its UPRN.

// AddressRates are how addresses go wrong. All are (A): shares of records, unless they say otherwise.
type AddressRates struct {
	Blank       float64 // no address line
	Typo        float64 // a wrong letter in the street
	Number      float64 // a wrong digit in a number
	FlatLeftOut float64 // share of homes with a flat whose number is left out
	Shortened   float64 // ROAD as RD
	CouncilUPRN float64 // share of the council's records without a UPRN
	NHSUPRN     float64 // share of practices' and the CCG's records without one; matched by address, where the practice has any
	WrongUPRN   float64 // that of a neighbour
}

// CleanAddresses are the rates of a council with a gazetteer and of practices whose addresses were matched to it.
func CleanAddresses() *AddressRates {
	return &AddressRates{Blank: 0.005, Typo: 0.01, Number: 0.003, FlatLeftOut: 0.1, Shortened: 0.15, CouncilUPRN: 0.03, NHSUPRN: 0.15, WrongUPRN: 0.005}
}

// DirtyAddresses are typed from forms.
func DirtyAddresses() *AddressRates {
	return &AddressRates{Blank: 0.03, Typo: 0.10, Number: 0.02, FlatLeftOut: 0.3, Shortened: 0.4, CouncilUPRN: 0.15, NHSUPRN: 0.5, WrongUPRN: 0.02}
}

// noFixedAbode is the pseudo-postcode that says so; others are of those whose address is not known.
const noFixedAbode = "ZZ99 3VZ"

// streamAddress lies beyond the streams of the parties, of which there are at most 62.
const streamAddress = 1000

const (
	houseNumbers = 600  // of a postcode's street
	flatShare    = 0.18 // of homes (A)
	namedShare   = 0.04 // of homes, that have a name in place of a number (A)
)

var streetNames = strings.Fields(`MILL CHURCH STATION VICTORIA ALBERT PARK QUEEN KING YORK MANOR SCHOOL NORTH SOUTH WEST EAST GROVE CHESTNUT
	ASH ELM BEECH WILLOW ORCHARD MEADOW SPRING WINDSOR ALEXANDRA STANLEY CLARENCE CAVENDISH CROMWELL NELSON WELLINGTON HAWTHORN LAUREL
	POPLAR MAPLE CEDAR BARTON LINDEN DERBY`)

// streetKinds: in full, and as they are shortened.
var streetKinds = [...][2]string{{"ROAD", "RD"}, {"STREET", "ST"}, {"LANE", "LN"}, {"AVENUE", "AVE"}, {"CLOSE", "CL"}, {"DRIVE", "DR"}, {"COURT", "CT"}, {"GARDENS", "GDNS"}}

var houseNames = [...]string{"ROSE COTTAGE", "THE LODGE", "OAKLANDS", "HILLSIDE", "THE COTTAGE", "WOODVIEW", "ORCHARD HOUSE", "FAIRVIEW", "IVY HOUSE", "THE BUNGALOW", "SUNNYSIDE", "HOLLYBANK"}

// uprn is a number of twelve digits that begins with 99, as those of no English authority do; neighbours' differ in the last ones.
func (h home) uprn() string {
	b := []byte("990000000000")
	for i, n := len(b)-1, uint32(h); n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b)
}

// dwelling is a home's address before anyone writes it down.
type dwelling struct {
	flat, number string // "" without
	name, street string
	kind         int // of streetKinds
}

func (m *streets) dwelling(h home) dwelling {
	units := m.sectors * m.units
	if !h.inBorough() {
		units = 200 * 100
	}
	unit := h.stretch(units)
	dice := mix(uint64(unit) ^ uint64(h&outside)<<8 ^ 0xadd4e55)
	d := dwelling{street: streetNames[dice%uint64(len(streetNames))], kind: int(dice >> 32 % uint64(len(streetKinds)))}
	d.number = string(appendInt(nil, 1+h.stretch(units*houseNumbers)-unit*houseNumbers))
	own := mix(uint64(h) ^ 0xf1a7)
	switch share := float64(own>>44) / (1 << 20); {
	case share < flatShare:
		d.flat = string(appendInt(nil, 1+int(own%20)))
	case share < flatShare+namedShare:
		d.name, d.number = houseNames[own%uint64(len(houseNames))], ""
	}
	return d
}

func (d *dwelling) line(shortened bool) string {
	var parts []string
	if d.flat != "" {
		parts = append(parts, "FLAT "+d.flat+",")
	}
	if d.name != "" {
		parts = append(parts, d.name+",")
	}
	if d.number != "" {
		parts = append(parts, d.number)
	}
	kind := streetKinds[d.kind][0]
	if shortened {
		kind = streetKinds[d.kind][1]
	}
	return strings.Join(append(parts, d.street, kind), " ")
}

// address fills in where a record says that its person lives.
func (f *folk) address(pt *party, at home, again bool, rec *record) {
	rates := f.s.Addresses
	if strings.HasPrefix(rec.postcode, "ZZ99") {
		if rec.postcode == noFixedAbode {
			rec.address = "NO FIXED ABODE"
		}
		return
	}
	index := 2 * rec.person.number
	if again {
		index++
	}
	r := stream(f.s.Seed, streamAddress+pt.index, index)
	d := f.streets.dwelling(at)
	hit := func(rate float64) bool { return r.Float64() < rate }
	if hit(rates.Typo) {
		d.street = wrongLetter(r, d.street)
	}
	if hit(rates.Number) && d.number != "" {
		b := []byte(d.number)
		i := r.IntN(len(b))
		b[i] = '1' + (b[i]-'0'+byte(r.IntN(8)))%9
		d.number = string(b)
	}
	if hit(rates.FlatLeftOut) {
		d.flat = ""
	}
	rec.address = d.line(hit(rates.Shortened))
	if hit(rates.Blank) {
		rec.address = ""
	}
	wrong, without := hit(rates.WrongUPRN), rates.NHSUPRN
	if pt.kind == kindCouncil {
		without = rates.CouncilUPRN
	}
	if rec.uprn = at.uprn(); wrong {
		rec.uprn = (at ^ 1).uprn()
	}
	if hit(without) {
		rec.uprn = ""
	}
}

// reoccupied is the home that a record has: of a former home within the borough, mostly that of a household which lives in the borough
// today, the same one for all who have left it. Some were pulled down, or stand empty (A).
func (f *folk) reoccupied(q *person, at home) home {
	now := q.stays[len(q.stays)-1].home
	dice := mix(uint64(at) ^ 0x0cc)
	if at == now || !at.inBorough() || dice%10 == 0 {
		return at
	}
	const perHousehold = 3 // more than there are, so that the number is one of a household that is drawn
	h := int(dice >> 8 % uint64(max(1, f.s.People/perHousehold)))
	p := planHousehold(f.s, h)
	stays := f.household(h, p, 0)[0].stays
	if other := stays[len(stays)-1].home; other.inBorough() {
		return other
	}
	return at
}

// wrongLetter puts another letter in the place of one.
func wrongLetter(r *rand.Rand, word string) string {
	b := []byte(word)
	i := r.IntN(len(b))
	b[i] = 'A' + (b[i]-'A'+byte(1+r.IntN(25)))%26
	return string(b)
}

// withAddress adds the columns of address and UPRN to a style. One kind of practice system has no UPRN.
func (st style) withAddress() style {
	heads := [2]string{"Address", "UPRN"}
	switch st.rid {
	case "patient_ref":
		heads = [2]string{"address_text", "uprn"}
	case "RECNO":
		heads = [2]string{"Home Address", ""}
	case "SUS_RECORD_ID":
		heads = [2]string{"ADDRESS_OF_USUAL_RESIDENCE", "UPRN_MATCHED"}
	}
	st.columns = append(st.columns[:len(st.columns):len(st.columns)], column{heads[0], colAddress})
	if heads[1] != "" {
		st.columns = append(st.columns, column{heads[1], colUPRN})
	}
	return st
}
