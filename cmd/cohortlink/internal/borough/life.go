package borough

import (
	"math/rand/v2"
	"slices"
)

// A life here is what changes a person's particulars: moves, changes of surname, death, and which practice has them. Each is walked back
// from today year by year, so that the present is always whole and the past is as deep as records are stale.

// horizon is how many years back moves and changes of name are drawn. Details older than that are as of then.
const horizon = 30

// moveRate is the chance of moving within a year by age. ONS: about one in five at 19, 10 % over all; the shape between is (A).
func moveRate(age int) float64 {
	switch {
	case age < 22:
		return 0.20
	case age < 30:
		return 0.17
	case age < 40:
		return 0.10
	case age < 50:
		return 0.06
	case age < 65:
		return 0.035
	case age < 80:
		return 0.025
	}
	return 0.045 // into care
}

// renameRate is a woman's chance of a new surname within a year by age, before Settings.WomenRename: most marry between 25 and 40, and
// some go back later. The level is set by what CRATE measured; the shape is (A).
func renameRate(age int) float64 {
	switch {
	case age < 18:
		return 0
	case age < 25:
		return 0.015
	case age < 35:
		return 0.040
	case age < 45:
		return 0.022
	case age < 60:
		return 0.012
	}
	return 0.006
}

// rename draws the last change of a person's surname, if there was one within the horizon.
func (f *folk) rename(r *rand.Rand, p *person, couple bool, household []person) {
	for y := range horizon {
		age := p.age(f.today) - y
		if age < 0 {
			return
		}
		rate := f.s.MenRename
		if p.sex == 'F' && age >= 18 {
			rate = renameRate(age) * f.s.WomenRename
		}
		if r.Float64() >= rate {
			continue
		}
		p.renamed = max(p.birth+30, f.today-years(float64(y))-day(r.IntN(365)))
		p.earlier = ownSurname(r, p.naming, p.sex, f.familyName(r, p.naming))
		p.marriage = couple && p.sex == 'F' && household[0].surname == household[1].surname
		if p.earlier == p.surname {
			p.earlier = ""
			return
		}
		if p.marriage && r.Float64() < 0.08 { // some join the two names (A)
			p.surname = p.earlier + "-" + household[0].surname
		}
		return
	}
}

// leg is a time at one address, newest first while it is being drawn.
type leg struct {
	from day
	home home
}

// legs walks back from until, when someone of that birth lived at the home at, to the horizon or the birth.
func (f *folk) legs(r *rand.Rand, until, birth day, at home) []leg {
	var out []leg
	for d := until; d > f.today-horizon*365 && d > birth; d -= 365 {
		age := int(float64(d-birth) / year)
		if r.Float64() >= moveRate(age)*f.s.Moves {
			continue
		}
		moved := d - day(r.IntN(365))
		if moved <= birth {
			break
		}
		out = append(out, leg{moved, at})
		within := f.s.MoveWithin
		if !at.inBorough() {
			within = 0.2 // (A)
		}
		at = anywhere(r, r.Float64() < within)
	}
	return append(out, leg{birth, at})
}

// stayings draws where the people of a household have lived. A family moves together from the day each of them joined it: children at birth,
// a partner at some age over twenty, a grandparent late, sharers lately. Before that each has a past of their own.
func (f *folk) stayings(r *rand.Rand, p plan, people []person, outsider bool) {
	left := r.Float64() < f.s.Leavers && !outsider
	gone := f.today - day(r.IntN(1+f.s.SnapshotMonths*30))
	now := anywhere(r, !outsider)
	family := f.legs(r, f.today, people[0].birth, now)
	if left { // the last move led away, and all before it lies further back
		family = append([]leg{{gone, now | outside}}, f.legs(r, gone, people[0].birth, now)...)
	}
	for i := range people {
		q := &people[i]
		own := family
		switch joined := f.joined(r, p, people, i); {
		case i == 0 && !p.sharers:
		case joined <= q.birth: // born into it
			own = since(family, q.birth)
		default:
			own = since(family, joined)
			at := anywhere(r, r.Float64() < f.s.MoveWithin)
			own = append(own, f.legs(r, joined, q.birth, at)...)
		}
		f.enrol(q, own)
	}
}

// joined is the day the i-th member joined the household; at or before their birth if born into it.
func (f *folk) joined(r *rand.Rand, p plan, people []person, i int) day {
	q := &people[i]
	switch {
	case p.sharers:
		return max(q.birth+1, f.today-day(r.ExpFloat64()*500))
	case p.couple && i == 1:
		met := max(people[0].birth, q.birth) + years(21+float64(r.ExpFloat64()*6))
		return min(f.today-day(r.IntN(365)), met)
	case p.elder && i == len(people)-1:
		return f.today - day(r.IntN(8*365))
	}
	return q.birth
}

// since cuts a family's legs to those from a day on.
func since(family []leg, from day) []leg {
	var out []leg
	for _, l := range family {
		if l.from <= from {
			return append(out, leg{from, l.home})
		}
		out = append(out, l)
	}
	return out
}

// enrol turns legs into stays, oldest first, and gives each its practice. People who move within the borough often keep theirs; those who
// live outside have none of ours, unless the household is one of the outsiders on our lists.
func (f *folk) enrol(q *person, legs []leg) {
	legs = slices.Clone(legs) // a family shares its legs
	slices.Reverse(legs)
	last := int8(-1)
	q.stays = make([]stay, 0, len(legs))
	for i, l := range legs {
		s := stay{from: l.from, home: l.home, practice: -1, registered: l.from}
		dice := mix(uint64(l.home) ^ 0x5eed)
		if i > 0 { // a practice hears of a move, in or out, some weeks later, up to nine months (A)
			s.registered += day(14 + dice%240)
		}
		keep := float64(dice>>44)/(1<<20) >= f.s.NewPractice
		switch {
		case q.outsider && last >= 0:
			s.practice = last
		case q.outsider:
			s.practice = f.streets.register(legs[len(legs)-1].home)
		case !l.home.inBorough():
		case last >= 0 && keep:
			s.practice = last
		default:
			s.practice = f.streets.register(l.home)
		}
		last = s.practice
		q.stays = append(q.stays, s)
	}
}

// listing draws who has no practice, and who is still listed at a former one.
func (f *folk) listing(r *rand.Rand, q *person) {
	q.unlisted = !q.outsider && r.Float64() < f.s.Unregistered
	if r.Float64() >= f.s.StaleListings {
		return
	}
	now, _ := q.practiceOn(f.today)
	for i := len(q.stays) - 1; i > 0; i-- {
		if before := q.stays[i-1]; before.practice >= 0 && before.practice != now && before.home.inBorough() {
			q.staleAt, q.staleSeen, q.staleHome = before.practice, q.stays[i].registered, before.home
			return
		}
	}
	// No former practice within the horizon: one from before it, or before the past that was drawn.
	other := anywhere(r, true)
	seen := f.today - years(1+float64(r.Float64()*12))
	if at := f.streets.register(other); at != now && seen > q.birth {
		q.staleAt, q.staleSeen, q.staleHome = at, seen, other
	}
}

// needs is what a service may know of a person: true facts, of which each party knows only some.
type needs struct {
	frailty, diabetes, housing, socialCare bool
}

// assess draws the needs of a household's people. All rates are (A), shaped after what is commonly found: frailty from the electronic
// frailty index by age, diabetes by age, deprivation and South Asian origin, housing need by household and deprivation.
func (f *folk) assess(h int, people []person) {
	r := stream(f.s.Seed, streamNeeds, h)
	quintile := f.streets.quintile(people[0].stays[len(people[0].stays)-1].home)
	poor := 1 + float64(0.18*float64(3-quintile)) // 1.36 in the most deprived fifth, 0.64 in the least
	housing := r.Float64() < 0.06*poor*poor
	for i := range people {
		q := &people[i]
		age := q.age(f.today)
		q.ageNow, q.quintile = age, quintile
		var frail, sugar, care float64
		switch {
		case age < 18:
			frail, sugar, care = 0, 0.003, 0.025
		case age < 40:
			frail, sugar, care = 0.002, 0.02, 0.012
		case age < 65:
			frail, sugar, care = 0.02, 0.07, 0.018
		case age < 75:
			frail, sugar, care = 0.13, 0.15, 0.04
		case age < 85:
			frail, sugar, care = 0.32, 0.18, 0.11
		default:
			frail, sugar, care = 0.55, 0.17, 0.27
		}
		if age >= 25 && q.ethnic >= 'H' && q.ethnic <= 'L' {
			sugar *= 1.9
		}
		q.needs.frailty = r.Float64() < frail*poor
		if q.needs.frailty {
			care *= 2
		}
		q.needs.diabetes = r.Float64() < sugar*poor
		q.needs.socialCare = r.Float64() < care*poor
		q.needs.housing = housing && r.Float64() < 0.9
	}
}
