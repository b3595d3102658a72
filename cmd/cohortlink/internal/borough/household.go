package borough

import (
	"math/rand/v2"
)

// A household is drawn in two steps. Its plan says what kind it is and how many live in it; that alone is enough to number every person
// before anyone is drawn. Then its people are drawn from the household's own stream.

// culture is where a person's names come from.
type culture string

const (
	british  culture = "british"
	irish    culture = "irish"
	muslim   culture = "muslim"
	hindu    culture = "hindu"
	sikh     culture = "sikh"
	chinese  culture = "chinese"
	african  culture = "african"
	european culture = "european"
)

// ethnicGroups: NHS ethnic category (16+1), its share of residents and the cultures its names are drawn from. Shares: Census 2021, Trafford
// (traffordDataLab, OGL v3), in people per 1,000; Gypsy, Roma and other White as C, Arab and any other as S. Names by culture: (A).
var ethnicGroups = []struct {
	code   byte
	share  int
	naming []culture // each equally likely
}{
	{'A', 720, []culture{british, british, british, british, british, british, british, british, british, british, british, british, british, british, british, irish}},
	{'B', 21, []culture{irish}},
	{'C', 35, []culture{european, european, european, british}},
	{'D', 13, []culture{british}},
	{'E', 5, []culture{british, african}},
	{'F', 10, []culture{british, muslim, hindu}},
	{'G', 9, []culture{british, european}},
	{'H', 43, []culture{hindu, hindu, hindu, sikh, sikh, muslim}},
	{'J', 49, []culture{muslim}},
	{'K', 3, []culture{muslim}},
	{'L', 10, []culture{muslim, hindu}},
	{'M', 15, []culture{british}},
	{'N', 15, []culture{african, african, muslim}},
	{'P', 4, []culture{british, african}},
	{'R', 20, []culture{chinese}},
	{'S', 25, []culture{muslim, european}},
}

func drawEthnic(r *rand.Rand) (byte, culture) {
	total := 0
	for _, g := range ethnicGroups {
		total += g.share
	}
	x := r.IntN(total)
	for _, g := range ethnicGroups {
		if x < g.share {
			return g.code, g.naming[r.IntN(len(g.naming))]
		}
		x -= g.share
	}
	panic("unreachable: x is below the total")
}

// minority tells whether MinorityFactor applies to a group.
func minority(code byte) bool { return code != 'A' && code != 'B' }

// kind is a household composition of Census 2021.
type kind struct {
	households     int // of Trafford (traffordDataLab, OGL v3)
	adults         int
	couple         bool
	young, old     int // range of the reference person's age, years
	children       int // 0 none, 1 dependent (0 to 18), 2 grown (19 to 35)
	elder, sharers bool
}

var kinds = []kind{
	{households: 12764, adults: 1, young: 66, old: 101},                                       // one person, 66 and over
	{households: 15605, adults: 1, young: 30, old: 65},                                        // one person, other
	{households: 8205, adults: 2, couple: true, young: 66, old: 96},                           // family, all 66 and over
	{households: 8869, adults: 2, couple: true, young: 38, old: 70},                           // married, no children
	{households: 18808, adults: 2, couple: true, young: 33, old: 55, children: 1},             // married, dependent children
	{households: 5769, adults: 2, couple: true, young: 50, old: 78, children: 2},              // married, grown children
	{households: 5722, adults: 2, couple: true, young: 23, old: 64},                           // cohabiting, no children
	{households: 3939, adults: 2, couple: true, young: 28, old: 50, children: 1},              // cohabiting, dependent children
	{households: 647, adults: 2, couple: true, young: 43, old: 68, children: 2},               // cohabiting, grown children
	{households: 6339, adults: 1, young: 27, old: 54, children: 1},                            // lone parent, dependent children
	{households: 4120, adults: 1, young: 43, old: 88, children: 2},                            // lone parent, grown children
	{households: 586, adults: 2, young: 25, old: 80},                                          // other family: two grown siblings
	{households: 2248, adults: 2, couple: true, young: 28, old: 50, children: 1, elder: true}, // other, with dependent children: a grandparent too
	{households: 2648, adults: 3, young: 18, old: 65, sharers: true},                          // other: students and sharers
}

// plan is what is known of a household before its people are drawn.
type plan struct {
	kind
	nChildren int
	twins     bool // the first two children are twins
	elder     bool
}

func (p *plan) size() int {
	n := p.adults + p.nChildren
	if p.elder {
		n++
	}
	return n
}

// planHousehold draws the plan of household h.
func planHousehold(s *Settings, h int) plan {
	r := stream(s.Seed, streamSize, h)
	total := 0
	for i := range kinds {
		total += kinds[i].households
	}
	x := r.IntN(total)
	p := plan{}
	for i := range kinds {
		if x < kinds[i].households {
			p.kind = kinds[i]
			break
		}
		x -= kinds[i].households
	}
	p.elder = p.kind.elder
	if p.sharers {
		p.adults = 2 + r.IntN(4)
	}
	if p.children > 0 {
		// Family sizes (A), which with the above come to Trafford's table of household sizes.
		switch x := r.Float64(); {
		case x < 0.43 || p.children == 2 && x < 0.68:
			p.nChildren = 1
		case x < 0.85:
			p.nChildren = 2
		case x < 0.96:
			p.nChildren = 3
		default:
			p.nChildren = 4
		}
		// A share t of babies are twins when t/(2-t) of deliveries are; each delivery of the household gets its chance.
		for range p.nChildren {
			if r.Float64() < s.TwinBabies/(2-s.TwinBabies) {
				p.twins = true
			}
		}
		if p.twins && p.nChildren == 1 {
			p.nChildren = 2
		}
	}
	return p
}

// person is one human being, with what is true of them. Current means as of Settings.AsOf.
type person struct {
	number    int // from 0, over the whole borough; decides the NHS number
	sex       byte
	birth     day
	died      day // 0: alive
	ethnic    byte
	naming    culture
	forename  string
	middle    string
	surname   string // current
	earlier   string // surname before renamed, "" if never changed
	renamed   day
	marriage  bool // renamed at a marriage
	nhs       string
	twin      bool
	junior    bool
	outsider  bool
	unlisted  bool   // no practice
	stays     []stay // oldest first, never empty
	staleAt   int8   // practice that still lists them besides, -1 for none
	staleSeen day    // when that practice last saw them
	staleHome home   // where they lived then
	needs     needs
	ageNow    int // years, today
	quintile  int // deprivation of the current home, 1 the most deprived
}

// stay is a time at one address. registered is when the practice there took them on; before that the practice of the stay before has them.
type stay struct {
	from       day
	home       home
	practice   int8 // -1: none of ours
	registered day
}

func (p *person) age(on day) int { return int(float64(on-p.birth) / year) }

// homeOn is the home on a day; before the first known stay, the first.
func (p *person) homeOn(on day) home {
	h := p.stays[0].home
	for _, s := range p.stays {
		if s.from <= on {
			h = s.home
		}
	}
	return h
}

// practiceOn is the practice on a day, and the day it took the person on; -1 for none.
func (p *person) practiceOn(on day) (practice int8, since day) {
	if p.unlisted || p.birth > on {
		return -1, 0
	}
	practice, since = -1, p.birth
	for _, s := range p.stays {
		if s.registered <= on && s.practice != practice {
			practice, since = s.practice, s.registered
		}
	}
	return practice, since
}

func (p *person) surnameOn(on day) string {
	if p.earlier != "" && on < p.renamed {
		return p.earlier
	}
	return p.surname
}

// agesNow is how many people of each single year of age live in Trafford, mid-2024 (traffordDataLab from ONS, OGL v3); the last is 90 and over.
var agesNow = [...]int{2169, 2313, 2474, 2663, 2809, 3159, 3119, 3310, 3481, 3419, 3578, 3554, 3650, 3735, 3378, 3419, 3334, 3173, 2892, 1918,
	1734, 1804, 2436, 2476, 2765, 2811, 2717, 2797, 2621, 2607, 2667, 2739, 2986, 3053, 3082, 3230, 3260, 3349, 3519, 3689,
	3706, 3640, 3666, 3860, 3708, 3615, 3376, 3227, 3112, 3261, 3140, 3099, 3325, 3309, 3272, 3074, 3096, 3041, 3080, 3091,
	3061, 2943, 2741, 2631, 2547, 2435, 2390, 2256, 2174, 2102, 2018, 1935, 1948, 1949, 1943, 1883, 2033, 2058, 1526, 1526,
	1532, 1386, 1119, 1031, 1022, 1053, 902, 809, 697, 597, 2191}

// drawAge draws an age in years from lo to hi as it is spread in the population.
func drawAge(r *rand.Rand, lo, hi int) int {
	at := func(a int) int {
		if a < 90 {
			return agesNow[a]
		}
		return agesNow[90] * (102 - a) / 78 // 90 and over, falling to none at 102
	}
	total := 0
	for a := lo; a <= hi; a++ {
		total += at(a)
	}
	x := r.IntN(total)
	for a := lo; a <= hi; a++ {
		if x -= at(a); x < 0 {
			return a
		}
	}
	return hi
}

// folk draws households. Safe for concurrent use.
type folk struct {
	s       *Settings
	names   *nameTables
	streets *streets
	numbers []uint32 // shuffled bodies of NHS numbers
	today   day
}

// household draws the people of household h, whose first person has the number first.
func (f *folk) household(h int, p plan, first int) []person {
	r := stream(f.s.Seed, streamHousehold, h)
	people := make([]person, 0, p.size()) // never grows beyond: pointers into it stay good
	ethnic, naming := drawEthnic(r)
	family := f.familyName(r, naming)
	outsider := r.Float64() < f.s.Outsiders

	add := func(sex byte, birth day, ethnic byte, naming culture, family string) *person {
		y := int(birth.date().y)
		people = append(people, person{
			number: first + len(people), sex: sex, birth: birth, ethnic: ethnic, naming: naming, outsider: outsider, staleAt: -1,
			forename: f.names.forename(r, naming, sex, y), middle: f.names.forename(r, naming, sex, y-25),
			surname: ownSurname(r, naming, sex, family), nhs: nhsNumber(f.numbers[first+len(people)]),
		})
		return &people[len(people)-1]
	}
	aged := func(age int) day { return f.today - years(float64(age)) - day(r.IntN(365)) }
	either := func() byte { return "MF"[r.IntN(2)] }

	age := drawAge(r, p.young, p.old)
	switch {
	case p.sharers:
		oldest := p.old
		if r.Float64() < 0.6 { // students and the young; the others are of any age (A)
			oldest = 27
		}
		for range p.adults {
			e, n := drawEthnic(r)
			add(either(), aged(drawAge(r, p.young, oldest)), e, n, f.familyName(r, n))
		}
	case p.couple:
		first, partner := byte('M'), byte('F')
		if r.Float64() < 0.015 { // couples of one sex: about that share in Census 2021
			first = either()
			partner = first
		}
		add(first, aged(age), ethnic, naming, family)
		// The partner is two years younger on average, give or take four (A).
		gap := min(12, max(-12, 2+int(r.NormFloat64()*4)))
		e, n := ethnic, naming
		if r.Float64() < f.s.MixedCouples {
			e, n = drawEthnic(r)
		}
		own := f.familyName(r, n)
		if r.Float64() < f.s.SharedSurname && naming != chinese {
			own = family
		}
		add(partner, aged(max(18, age-gap)), e, n, own)
	case p.adults == 2: // two grown siblings
		add(either(), aged(age), ethnic, naming, family)
		add(either(), aged(max(18, age-1-r.IntN(6))), ethnic, naming, family)
	default:
		sex := either()
		switch {
		case p.children > 0 && r.Float64() < 0.87: // lone parents are mothers mostly: ONS families, about 86 %
			sex = 'F'
		case p.children == 0 && age > 70 && r.Float64() < 0.35: // widows outnumber widowers (A)
			sex = 'F'
		}
		add(sex, aged(age), ethnic, naming, family)
	}

	if p.nChildren > 0 {
		f.addChildren(r, p, &people, add)
	}
	if p.elder {
		add(either(), people[0].birth-years(24+float64(10*r.Float64())), ethnic, naming, family)
	}
	for i := range people {
		f.rename(r, &people[i], i < p.adults && p.couple, people)
	}
	f.stayings(r, p, people, outsider)
	for i := range people {
		q := &people[i]
		if q.age(f.today) >= 66 && r.Float64() < f.s.Deaths {
			q.died = f.today - day(r.IntN(3*365))
		}
		f.listing(r, q)
	}
	f.assess(h, people)
	return people
}

// familyName draws a family's surname, now and then double-barrelled.
func (f *folk) familyName(r *rand.Rand, c culture) string {
	name := f.names.surname(r, c)
	if r.Float64() < f.s.DoubleBarrelled {
		if other := f.names.surname(r, c); other != name {
			name += "-" + other
		}
	}
	return name
}

// addChildren draws a household's children, oldest to youngest by birth, twins first.
func (f *folk) addChildren(r *rand.Rand, p plan, people *[]person, add func(byte, day, byte, culture, string) *person) {
	father, mother := (*people)[0], (*people)[p.adults-1]
	if father.sex == 'F' && mother.sex == 'M' {
		father, mother = mother, father
	}
	ethnic, naming := father.ethnic, father.naming
	family := father.surname
	switch {
	case mother.surname != father.surname && r.Float64() < 0.35: // children bear one parent's surname, more often the father's (A)
		family, naming = mother.surname, mother.naming
	case naming == sikh && (family == "Kaur" || family == "Singh"):
		family = "Singh"
	}
	if mixed := mixedGroup(father.ethnic, mother.ethnic); mixed != 0 {
		ethnic = mixed
	}
	lo, hi := f.today-years(19), f.today
	if p.children == 2 {
		lo, hi = f.today-years(35), f.today-years(19)
	}
	var births []day
	for range p.nChildren {
		b := hi
		for range 20 { // a mother is 30 at a birth, give or take six, at least 16 (A; ONS mean 30.9 in 2021)
			b = mother.birth + years(min(45, max(16, 30+float64(6*r.NormFloat64()))))
			if b > lo && b <= hi {
				break
			}
		}
		if b <= lo || b > hi { // an unusual mother for such a child: any time that could be
			first := max(lo+1, mother.birth+years(16))
			last := max(first, min(hi, mother.birth+years(46)))
			b = min(hi, first+day(r.IntN(int(last-first)+1)))
		}
		births = append(births, b)
	}
	for i, b := range births {
		if i == 1 && p.twins {
			first := &(*people)[len(*people)-1]
			first.twin = true
			t := add("MF"[r.IntN(2)], first.birth, ethnic, naming, family)
			t.twin = true
			if t.sex == first.sex {
				like := r.Float64() < f.s.LikeInitials
				for range 60 {
					if t.forename != first.forename && (!like || firstLetters(t.forename, 1) == firstLetters(first.forename, 1)) {
						break
					}
					t.forename = f.names.forename(r, naming, t.sex, int(t.birth.date().y))
				}
			}
			continue
		}
		// No two siblings but twins within nine months of each other.
		for j := range *people {
			if j >= p.adults && abs(b-(*people)[j].birth) < 280 {
				b = (*people)[j].birth - day(300+r.IntN(700))
			}
		}
		c := add("MF"[r.IntN(2)], b, ethnic, naming, family)
		for range 20 { // siblings do not share a forename
			clash := false
			for j := p.adults; j < len(*people)-1; j++ {
				clash = clash || (*people)[j].forename == c.forename
			}
			if !clash {
				break
			}
			c.forename = f.names.forename(r, naming, c.sex, int(c.birth.date().y))
		}
	}
	if r.Float64() < f.s.Juniors*juniorScale && father.sex == 'M' {
		for i := p.adults; i < len(*people); i++ {
			if c := &(*people)[i]; c.sex == 'M' && !c.twin && c.surname == father.surname {
				c.forename, c.junior = father.forename, true
				for j := range p.adults {
					if q := &(*people)[j]; q.number == father.number {
						q.junior = true
					}
				}
				break
			}
		}
	}
}

// juniorScale makes up for the households with a son that have no father at home, or one of another surname.
const juniorScale = 1.4

// mixedGroup is the ethnic category of a child of two groups, 0 where it is that of the father.
func mixedGroup(a, b byte) byte {
	white := func(c byte) bool { return c <= 'C' }
	if white(b) {
		a, b = b, a
	}
	switch {
	case a == b || white(a) == white(b):
		return 0
	case b == 'M' || b == 'P':
		return 'D'
	case b == 'N':
		return 'E'
	case b == 'H' || b == 'J' || b == 'K' || b == 'L':
		return 'F'
	}
	return 'G'
}

func abs[T int | day](x T) T {
	if x < 0 {
		return -x
	}
	return x
}

// nhsBodies are the six digits after 999 of every number in the test range, in an order drawn from the seed. The test range is not issued
// to people; NHS Data Dictionary, NHS NUMBER: a remainder that asks for check digit 10 makes a number invalid, so such bodies are left out.
func nhsBodies(seed uint64) []uint32 {
	bodies := make([]uint32, 0, 909_091)
	for i := range uint32(1_000_000) {
		if nhsCheckDigit(i) < 10 {
			bodies = append(bodies, i)
		}
	}
	r := stream(seed, streamStreets, 1)
	r.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	return bodies
}

// nhsCheckDigit is the modulus 11 check digit of 999 followed by the six digits of body, 10 where there is none. NHS Data Dictionary, NHS NUMBER.
func nhsCheckDigit(body uint32) uint32 {
	sum := uint32(9 * (10 + 9 + 8))
	for weight := uint32(2); weight <= 7; weight++ {
		sum += body % 10 * weight
		body /= 10
	}
	return (11 - sum%11) % 11
}

func nhsNumber(body uint32) string {
	b := []byte("999000000" + string(rune('0'+nhsCheckDigit(body))))
	for i := 8; i > 2; i-- {
		b[i] = byte('0' + body%10)
		body /= 10
	}
	return string(b)
}
