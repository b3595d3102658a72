package borough

import (
	"math"
	"strings"
	"testing"
)

// tally counts how often the two records of a pair differ.
type tally struct {
	pairs, bothPostcodes, records     int
	women, men                        int
	forename, forenameAlike           int
	surname, surnameAlike             int
	surnameWomen, surnameMen          int
	both, swapped                     int
	dob, day, month, year, byOne      int
	sex                               int
	postcode, sameSector, transposed  int
	pseudo, noAbode                   int
	errForename, errSurname, errDay   int // differences by errors alone, not by a true change
	errMonth, errYear, errPostcode    int
	sexBoth, datesBoth, postcodesSame int
}

// measure draws a borough and adds to c how each person's record in the CCG compares with that at the present practice.
func measure(t *testing.T, s Settings, c *tally) {
	t.Helper()
	f, err := newFolk(&s)
	if err != nil {
		t.Fatal(err)
	}
	ps := parties(&s)
	err = f.draw(ps, func(d *drawn) error {
		hospital := map[*person]*record{}
		for k := range d.records[1] {
			rec := &d.records[1][k]
			if hospital[rec.person] == nil {
				hospital[rec.person] = rec
			}
		}
		for i := 2; i < len(ps); i++ {
			for k := range d.records[i] {
				a := &d.records[i][k]
				if b := hospital[a.person]; b != nil && !a.causes.has(staleRegistration) {
					c.add(f, a, b)
				}
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func (c *tally) add(f *folk, a, b *record) {
	c.pairs++
	woman := a.person.sex == 'F'
	if woman {
		c.women++
	} else {
		c.men++
	}
	count := func(n *int, yes bool) bool {
		if yes {
			*n++
		}
		return yes
	}
	alike := func(x, y string) bool { return firstLetters(x, 2) == firstLetters(y, 2) }
	fore := count(&c.forename, a.forename != b.forename)
	count(&c.forenameAlike, fore && alike(a.forename, b.forename))
	sur := count(&c.surname, a.surname != b.surname)
	count(&c.surnameAlike, sur && alike(a.surname, b.surname))
	count(&c.surnameWomen, sur && woman)
	count(&c.surnameMen, sur && !woman)
	count(&c.both, fore && sur)
	count(&c.swapped, fore && a.forename == b.surname && a.surname == b.forename)
	trueChange := a.causes.has(married) != b.causes.has(married) || a.causes.has(surnameChanged) != b.causes.has(surnameChanged)
	count(&c.errForename, fore)
	count(&c.errSurname, sur && !trueChange)

	if a.birth != (date{}) && b.birth != (date{}) {
		c.datesBoth++
		if count(&c.dob, a.birth != b.birth) {
			day, month, year := a.birth.d != b.birth.d, a.birth.m != b.birth.m, a.birth.y != b.birth.y
			count(&c.day, day && !month && !year)
			count(&c.month, month && !day && !year)
			count(&c.year, year && !day && !month)
			count(&c.byOne, abs(int(a.birth.d)-int(b.birth.d))+abs(int(a.birth.m)-int(b.birth.m))+abs(int(a.birth.y)-int(b.birth.y)) == 1)
			count(&c.errDay, day)
			count(&c.errMonth, month)
			count(&c.errYear, year)
		}
	}
	if a.sex != 0 && b.sex != 0 {
		c.sexBoth++
		count(&c.sex, a.sex != b.sex)
	}
	for _, r := range []*record{a, b} {
		c.records++
		count(&c.pseudo, strings.HasPrefix(r.postcode, "ZZ99"))
		count(&c.noAbode, r.postcode == "ZZ99 3VZ")
	}
	if real := func(r *record) bool { return r.postcode != "" && !strings.HasPrefix(r.postcode, "ZZ99") }; real(a) && real(b) {
		c.bothPostcodes++
		if count(&c.postcode, a.postcode != b.postcode) {
			n, m := len(a.postcode), len(b.postcode)
			same := count(&c.sameSector, a.postcode[:n-2] == b.postcode[:m-2])
			count(&c.transposed, same && a.postcode[n-1] == b.postcode[m-2] && a.postcode[n-2] == b.postcode[m-1])
		}
		if !a.causes.has(moved) && !b.causes.has(moved) {
			c.postcodesSame++
			count(&c.errPostcode, a.postcode != b.postcode)
		}
	}
}

// wants checks a measured share against a published one: within a tenth of it.
func wants(t *testing.T, what string, hits, of int, target float64) {
	t.Helper()
	within(t, what, hits, of, target, target/10)
}

// wantsFew is wants for a share that was published from few events, which says no more of the rate than its own standard
// error does: within that, where it is more than a tenth.
func wantsFew(t *testing.T, what string, hits, of int, events, published float64) {
	t.Helper()
	within(t, what, hits, of, events/published, max(events/10, math.Sqrt(events))/published)
}

// wantsRoughly is wants for a sample that is too small for a tenth: three standard errors of the sample are allowed beside it.
func wantsRoughly(t *testing.T, what string, hits, of int, target float64) {
	t.Helper()
	within(t, what, hits, of, target, target/10+3*math.Sqrt(target*(1-target)/float64(max(of, 1))))
}

func within(t *testing.T, what string, hits, of int, target, slack float64) {
	t.Helper()
	if of == 0 {
		t.Fatalf("%s: nothing to measure", what)
	}
	got := float64(hits) / float64(of)
	state := "ok"
	if math.Abs(got-target) > slack {
		state = "OFF"
		t.Errorf("%s: %.3f %%, want %.3f %%", what, 100*got, 100*target)
	}
	t.Logf("%-28s %8.3f %%  published %8.3f %%  %s (%d of %d)", what, 100*got, 100*target, state, hits, of)
}

func TestCleanHasThePublishedRates(t *testing.T) {
	if testing.Short() {
		t.Skip("draws 800,000 people")
	}
	// As many as it takes for chance to stay well below a tenth, in several boroughs: how many move within their
	// sector depends on how many sectors there are.
	s := Clean()
	s.People = 200_000
	var c tally
	for s.Seed = 1; s.Seed <= 4; s.Seed++ {
		measure(t, s, &c)
	}
	wants(t, "forename differs", c.forename, c.pairs, 0.0236)
	wants(t, "of these, two letters shared", c.forenameAlike, c.forename, 0.69)
	wants(t, "surname differs", c.surname, c.pairs, 0.0486)
	wants(t, "of these, two letters shared", c.surnameAlike, c.surname, 0.196)
	wants(t, "surname differs, women", c.surnameWomen, c.women, 0.0678)
	wants(t, "surname differs, men", c.surnameMen, c.men, 0.0222)
	wants(t, "both names differ", c.both, c.pairs, 0.0044)
	wantsFew(t, "names swapped", c.swapped, c.pairs, 78, 101_349)
	wants(t, "date of birth differs", c.dob, c.datesBoth, 0.0049)
	wants(t, "of these, day alone", c.day, c.dob, 274.0/624)
	wants(t, "of these, month alone", c.month, c.dob, 172.0/624)
	wants(t, "of these, year alone", c.year, c.dob, 136.0/624)
	wants(t, "of these, out by one", c.byOne, c.dob, 0.309)
	wants(t, "sex differs", c.sex, c.sexBoth, 0.0033)
	wants(t, "postcode differs", c.postcode, c.bothPostcodes, 0.310)
	wants(t, "same sector, not the same", c.sameSector, c.bothPostcodes, 0.0097)
	wantsFew(t, "last two letters exchanged", c.transposed, c.bothPostcodes, 27, 101_349)
	wants(t, "pseudo-postcode", c.pseudo, c.records, 0.0038)
	wants(t, "no fixed abode", c.noAbode, c.records, 0.0020)
}

func TestDirtyHasTheDesignRow(t *testing.T) {
	s := Dirty()
	s.People = 50_000
	var c tally
	measure(t, s, &c)
	wants(t, "forename wrong", c.errForename, c.pairs, 0.35)
	wants(t, "surname wrong", c.errSurname, c.pairs, 0.32)
	wants(t, "sex wrong", c.sex, c.sexBoth, 0.01)
	wants(t, "day wrong", c.errDay, c.datesBoth, 0.15)
	wants(t, "month wrong", c.errMonth, c.datesBoth, 0.13)
	wants(t, "year wrong", c.errYear, c.datesBoth, 0.13)
	wants(t, "postcode wrong", c.errPostcode, c.postcodesSame, 0.04)
}
