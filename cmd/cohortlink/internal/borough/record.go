package borough

import (
	"math/rand/v2"
	"strings"
)

// A record is what one party's extract holds of a person: the particulars as they were when last taken down, then the errors made in taking
// them down. Every difference from the person's current facts has its cause written beside it.

// record is one row before it is put into the party's own form.
type record struct {
	person   *person
	forename string
	surname  string
	birth    date // zero: blank
	sex      byte // 'M', 'F', 0: blank
	postcode string
	nhs      string
	address  string // these two where Settings.Addresses are there
	uprn     string
	quintile int
	age      int // at the snapshot
	needs    needs
	causes   causes
}

// cause is one reason why a record differs from the person's current facts, or is easily taken for another's.
type cause uint8

const (
	moved cause = iota
	married
	surnameChanged
	staleRegistration
	died
	duplicate
	nickname
	typoForename
	middleName
	initialOnly
	babyName
	forenameMissing
	alias
	swapped
	otherSurname
	halfDropped
	surnameSpelling
	surnameSpacing
	surnameTitle
	dobDay
	dobMonth
	dobYear
	dobParts
	dobDefault
	dobMissing
	sexWrong
	sexMissing
	postcodeTypo
	postcodeSector
	postcodeMissing
	postcodePseudo
	nhsMissing
	nhsDigit
	nhsOther
	nhsHousehold
	twin
	junior
	nCauses
)

// causeNames are the words of events.csv.
var causeNames = [nCauses]string{
	"moved", "married", "surname-changed", "stale-registration", "died", "duplicate",
	"nickname", "typo-forename", "middle-name", "initial", "baby-name", "forename-missing",
	"alias", "swapped", "other-surname", "half-surname", "surname-spelling", "surname-spacing", "surname-title",
	"dob-day", "dob-month", "dob-year", "dob-parts", "dob-default", "dob-missing",
	"sex-wrong", "sex-missing", "postcode-typo", "postcode-sector", "postcode-missing", "postcode-pseudo",
	"nhs-missing", "nhs-wrong", "nhs-other", "nhs-household", "twin", "junior",
}

func (c cause) String() string { return causeNames[c] }

// causes is a set.
type causes uint64

func (s *causes) add(c cause)     { *s |= 1 << c }
func (s causes) has(c cause) bool { return s>>c&1 == 1 }

func (s causes) String() string {
	var words []string
	for c := range nCauses {
		if s.has(c) {
			words = append(words, c.String())
		}
	}
	return strings.Join(words, " ")
}

// entries appends the records that the party's extract holds of a person: none, one, or two where it has them twice.
func (f *folk) entries(out []record, pt *party, q *person, household []person) []record {
	r := stream(f.s.Seed, streamParty+pt.index, q.number)
	in, asOf, at, why := f.member(r, pt, q)
	if !in {
		return out
	}
	out = append(out, f.record(r, pt, q, household, asOf, at, why))
	if r.Float64() < pt.rates.Duplicate {
		if r.Float64() >= pt.rates.DuplicateHome { // entered again at another contact, some years earlier
			asOf = max(q.birth, asOf-day(200+r.IntN(2500)))
			at = q.homeOn(asOf)
		}
		why.add(duplicate)
		out[len(out)-1].causes.add(duplicate)
		out = append(out, f.record(r, pt, q, household, asOf, at, why))
	}
	return out
}

// member tells whether the party's extract holds the person, the day as of which it knows name and address, and the home it knows.
func (f *folk) member(r *rand.Rand, pt *party, q *person) (in bool, asOf day, at home, why causes) {
	// Drawn first and always, so that every later draw stands in the same place of the stream.
	lag, contact, notice := day(r.ExpFloat64()*f.s.DetailsYears*year), r.Float64(), r.Float64()
	at0 := pt.taken
	if q.birth >= at0-3 || q.died != 0 && q.died <= at0 && notice >= f.s.DeadOnList {
		return
	}
	if q.died != 0 && q.died <= at0 {
		why.add(died)
	}
	practice, since := q.practiceOn(at0)
	asOf = max(q.birth, at0-lag)
	switch pt.kind {
	case kindPractice:
		switch {
		case practice == int8(pt.practice):
			asOf = max(asOf, since)
		case q.staleAt == int8(pt.practice) && q.staleSeen < at0 && !q.unlisted:
			asOf = max(q.birth, q.staleSeen-lag)
			why.add(staleRegistration)
			return true, asOf, q.staleHome, why
		default:
			return
		}
	case kindCCG:
		if practice < 0 || contact >= hospitalContact(q.age(at0), q.sex, f.s.CCGYears) {
			return
		}
	case kindCouncil:
		if !q.homeOn(at0).inBorough() || contact >= f.councilCovers(q, q.age(at0)) {
			return
		}
	}
	return true, asOf, q.homeOn(asOf), why
}

// hospitalContact is the chance of at least one hospital contact in so many years, by age: what puts a registered person into the CCG's
// extract. Yearly chances (A), shaped so that three years reach about 80 %.
func hospitalContact(age int, sex byte, years int) float64 {
	yearly := 0.38
	switch {
	case age < 1:
		yearly = 0.90
	case age < 5:
		yearly = 0.45
	case age < 18:
		yearly = 0.28
	case age < 45 && sex == 'F':
		yearly = 0.50
	case age < 45:
		yearly = 0.30
	case age < 65:
		yearly = 0.45
	case age < 80:
		yearly = 0.65
	default:
		yearly = 0.80
	}
	none := 1.0
	for range years {
		none *= 1 - yearly
	}
	return 1 - none
}

// councilCovers is the chance that the council's extract holds a resident. For the index (A): children through nurseries and school
// admissions, adults through housing, benefits and care, the old through concessions and care.
func (f *folk) councilCovers(q *person, age int) float64 {
	switch f.s.Council {
	case CouncilTax:
		if age < 18 {
			return 0
		}
		return 0.85
	case CouncilSocialCare:
		if q.needs.socialCare {
			return 0.95
		}
		return 0.002
	}
	switch {
	case q.needs.socialCare:
		return 0.99
	case q.needs.housing:
		return 0.95
	case age < 5:
		return 0.35
	case age < 18:
		return 0.65
	case age < 65:
		return 0.50
	}
	return 0.75
}

// record makes one record: the facts as of a day, then the errors.
func (f *folk) record(r *rand.Rand, pt *party, q *person, household []person, asOf day, at home, why causes) record {
	if f.s.Addresses != nil {
		at = f.reoccupied(q, at)
	}
	rec := record{
		person: q, forename: q.forename, surname: q.surnameOn(asOf), birth: q.birth.date(), sex: q.sex,
		postcode: f.streets.postcode(at), nhs: q.nhs, quintile: f.streets.quintile(at), age: q.age(pt.taken), needs: q.needs, causes: why,
	}
	if at != q.stays[len(q.stays)-1].home {
		rec.causes.add(moved)
	}
	if rec.surname != q.surname {
		if q.marriage {
			rec.causes.add(married)
		} else {
			rec.causes.add(surnameChanged)
		}
	}
	if q.twin {
		rec.causes.add(twin)
	}
	if q.junior {
		rec.causes.add(junior)
	}

	// One factor for the whole record makes its errors come together; its mean over records is 1.
	m := (1 - f.s.BadShare) / (1 - f.s.BadRecords)
	if r.Float64() < f.s.BadRecords {
		m = f.s.BadShare / f.s.BadRecords
	}
	m *= f.personFactor(q, rec.age)
	hit := func(rate float64) bool { return r.Float64() < rate*m }

	f.spoilNames(r, pt, q, household, &rec, hit)
	spoilBirth(r, pt, &rec, hit)
	if hit(pt.rates.Sex) {
		rec.sex ^= 'M' ^ 'F'
		rec.causes.add(sexWrong)
	}
	if hit(pt.rates.SexBlank) {
		rec.sex = 0
		rec.causes.add(sexMissing)
	}
	f.spoilPostcode(r, pt, &rec, hit)
	f.spoilNHS(r, pt, household, &rec, hit)
	if f.s.Addresses != nil {
		f.address(pt, at, why.has(duplicate), &rec)
	}
	return rec
}

// personFactor is how much likelier errors are in this person's records, divided by its mean over people.
func (f *folk) personFactor(q *person, age int) float64 {
	const minorities, infants = 0.25, 0.009 // shares of residents: the table of ethnic groups, and agesNow
	factor := 1.0
	if minority(q.ethnic) {
		factor *= f.s.MinorityFactor
	}
	if age < 1 {
		factor *= f.s.InfantFactor
	}
	return factor / ((1 + float64(minorities*(f.s.MinorityFactor-1))) * (1 + float64(infants*(f.s.InfantFactor-1))))
}
