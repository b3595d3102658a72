package borough

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
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
	return factor / ((1 + minorities*(f.s.MinorityFactor-1)) * (1 + infants*(f.s.InfantFactor-1)))
}

// spoilNames makes the errors in forename and surname. Spec section 7 point 5 gives kinds of forename error as shares (A) "shaped to 69 %
// sharing two letters", which CRATE measured. With aliases and swapped names, which share none, at their measured rates, the rest has to
// share nine times in ten, so nicknames and edits keep the first two letters more often than the list of kinds says.
func (f *folk) spoilNames(r *rand.Rand, pt *party, q *person, household []person, rec *record, hit func(float64) bool) {
	rates := pt.rates
	if hit(rates.Forename) {
		switch x := r.Float64(); {
		case x < 0.48:
			if other, ok := f.nickname(r, rec.forename); ok {
				rec.forename = other
				rec.causes.add(nickname)
				break
			}
			fallthrough
		case x < 0.92:
			rec.forename = edit(r, rec.forename)
			rec.causes.add(typoForename)
		case x < 0.97:
			if q.middle != rec.forename {
				rec.forename = q.middle
				rec.causes.add(middleName)
			}
		default:
			rec.forename = firstLetters(rec.forename, 1)
			rec.causes.add(initialOnly)
		}
	}
	if hit(rates.HalfDropped) {
		if a, b, ok := strings.Cut(rec.surname, "-"); ok {
			rec.surname = a
			if r.IntN(2) == 0 {
				rec.surname = b
			}
			rec.causes.add(halfDropped)
		}
	}
	if hit(rates.Surname) {
		f.respell(r, rec)
	}
	if hit(rates.OtherSurname) {
		// Another's in the household where there is one, else anyone's.
		other := household[r.IntN(len(household))].surname
		for range 5 {
			if other != rec.surname {
				break
			}
			other = f.familyName(r, q.naming)
		}
		rec.surname = other
		rec.causes.add(otherSurname)
	}
	if hit(rates.Alias) {
		// A name that is easier to say, or an earlier life's: forename and surname both.
		naming := british
		if !minority(q.ethnic) {
			naming = q.naming
		}
		rec.forename = f.names.forename(r, naming, q.sex, int(q.birth.date().y))
		rec.surname = f.names.surname(r, naming)
		rec.causes.add(alias)
	}
	if hit(rates.Swapped) {
		rec.forename, rec.surname = rec.surname, rec.forename
		rec.causes.add(swapped)
	}
	if r.Float64() < rates.Baby && rec.age < 1 {
		rec.forename = [...]string{"Baby", "Baby", "Baby", "Baby Of", "Infant"}[r.IntN(5)]
		if q.twin {
			rec.forename = [...]string{"Twin 1", "Twin 2"}[q.number&1]
		}
		rec.causes.add(babyName)
	}
	if hit(rates.ForenameBlank) {
		rec.forename = ""
		rec.causes.add(forenameMissing)
	}
	if hit(rates.SurnameTitle) {
		title := "Mr "
		if q.sex == 'F' {
			title = [...]string{"Mrs ", "Miss ", "Ms "}[r.IntN(3)]
		}
		if r.IntN(3) == 0 {
			rec.surname += [...]string{" Jnr", " Snr", " (Dec'd)", " Esq"}[r.IntN(4)]
		} else {
			rec.surname = title + rec.surname
		}
		rec.causes.add(surnameTitle)
	}
}

// nickname draws what else a forename is written as, nine times in ten something that begins alike.
func (f *folk) nickname(r *rand.Rand, name string) (string, bool) {
	list := f.names.nicknames[name]
	if list == nil {
		return "", false
	}
	alike := r.Float64() < 0.95
	for range 8 {
		other := list.draw(r)
		if other != name && (!alike || firstLetters(other, 2) == firstLetters(name, 2)) {
			return other, true
		}
	}
	return "", false
}

// respell changes a surname's spelling, its spacing or its apostrophe.
func (f *folk) respell(r *rand.Rand, rec *record) {
	name := rec.surname
	spaced := name
	switch {
	case strings.ContainsAny(name, "-'"):
		old := "-"
		if strings.Contains(name, "'") {
			old = "'"
		}
		spaced = strings.Replace(name, old, [...]string{" ", ""}[r.IntN(2)], 1)
	case strings.HasPrefix(name, "Mc") && len(name) > 4:
		spaced = "Mc " + name[2:]
	}
	if spaced != name && r.IntN(2) == 0 {
		rec.surname = spaced
		rec.causes.add(surnameSpacing)
		return
	}
	rec.causes.add(surnameSpelling)
	if list := f.names.spellings[name]; list != nil && r.IntN(2) == 0 {
		rec.surname = list.draw(r)
		return
	}
	rec.surname = edit(r, name)
}

// beside lists the keys next to each letter on a British keyboard.
var beside = [26]string{"qwsz", "vghn", "xdfv", "serfcx", "wsdr", "drtgvc", "ftyhbv", "gyujnb", "ujko", "huikmn", "jiolm", "kop", "njk", "bhjm",
	"iklp", "ol", "wa", "edft", "awedxz", "rfgy", "yhji", "cfgb", "qase", "zsdc", "tghu", "asx"}

// edit makes one typing error from the third letter on, where there is one: a neighbouring key 40 %, two letters exchanged, one left out,
// one doubled or put in 20 % each. Spec section 7 point 5.
func edit(r *rand.Rand, name string) string {
	runes := []rune(name)
	from := min(2, len(runes)-1)
	for range 10 {
		i := from + r.IntN(len(runes)-from)
		out := slices.Clone(runes)
		near := func(c rune) (rune, bool) {
			if c < 'a' || c > 'z' {
				return c, false
			}
			keys := beside[c-'a']
			return rune(keys[r.IntN(len(keys))]), true
		}
		switch x := r.Float64(); {
		case x < 0.4:
			if c, ok := near(out[i]); ok {
				out[i] = c
			}
		case x < 0.6:
			if i+1 < len(out) && out[i+1] != '-' && out[i] != '-' {
				out[i], out[i+1] = out[i+1], out[i]
			}
		case x < 0.8:
			if len(out) > 3 {
				out = slices.Delete(out, i, i+1)
			}
		default:
			c := out[i]
			if r.IntN(2) == 0 {
				c, _ = near(c)
			}
			out = slices.Insert(out, i+1, c)
		}
		if s := string(out); s != name {
			return s
		}
	}
	return name + "e"
}

// spoilBirth makes the errors in the date of birth. Which part is wrong and by how much: CRATE, section 6 of the specification.
func spoilBirth(r *rand.Rand, pt *party, rec *record, hit func(float64) bool) {
	rates := pt.rates
	was := rec.birth
	if hit(rates.Day) {
		rec.birth.d = int8(wrongPart(r, int(was.d), 1, int(daysIn(was.y, was.m))))
		rec.causes.add(dobDay)
	}
	if hit(rates.Month) {
		for range 20 {
			m := int8(wrongPart(r, int(was.m), 1, 12))
			if rec.birth.d <= daysIn(was.y, m) && m != was.m {
				rec.birth.m = m
				rec.causes.add(dobMonth)
				break
			}
		}
	}
	if hit(rates.Year) {
		last := int(pt.taken.date().y)
		y := wrongPart(r, int(was.y), max(1900, int(was.y)-60), min(last, int(was.y)+60))
		if rec.birth.d > daysIn(int16(y), rec.birth.m) { // 29 February
			rec.birth.d = 28
		}
		rec.birth.y = int16(y)
		rec.causes.add(dobYear)
	}
	if hit(rates.DateParts) {
		if was.d <= 12 && was.d != was.m && r.IntN(2) == 0 {
			rec.birth.d, rec.birth.m = int8(was.m), was.d
		} else {
			rec.birth.d = int8(wrongPart(r, int(was.d), 1, 28))
			rec.birth.m = int8(wrongPart(r, int(was.m), 1, 12))
		}
		rec.causes.add(dobParts)
	}
	if hit(rates.DefaultDate) {
		rec.birth = date{was.y, 1, 1}
		rec.causes.add(dobDefault)
	}
	if r.Float64() < rates.DateBlank {
		rec.birth = date{}
		rec.causes.add(dobMissing)
	}
}

// wrongPart is a wrong day, month or year: out by one in 30.9 % of errors, by two in 14.7 %, two digits exchanged in 2.7 % (CRATE), else one
// digit wrong, within lo to hi.
func wrongPart(r *rand.Rand, was, lo, hi int) int {
	for range 30 {
		now := was
		switch x := r.Float64(); {
		case x < 0.309:
			now += 2*r.IntN(2) - 1
		case x < 0.456:
			now += 4*r.IntN(2) - 2
		case x < 0.483:
			now = was - was%100 + was%10*10 + was/10%10
		case r.IntN(2) == 0:
			now = was - was%10 + r.IntN(10)
		default:
			now = was - was/10%10*10 + r.IntN(10)*10
		}
		if now != was && now >= lo && now <= hi {
			return now
		}
	}
	if was < hi {
		return was + 1
	}
	return was - 1
}

// spoilPostcode makes the errors in the postcode, which has a space before its last three characters.
func (f *folk) spoilPostcode(r *rand.Rand, pt *party, rec *record, hit func(float64) bool) {
	rates := pt.rates
	b := []byte(rec.postcode)
	n := len(b)
	if hit(rates.PostcodeTypo) {
		if r.Float64() < 0.042 && b[n-1] != b[n-2] { // 27 of 101,349 pairs have the last two exchanged (CRATE)
			b[n-1], b[n-2] = b[n-2], b[n-1]
		} else {
			i := n - 1 - r.IntN(2)
			for was := b[i]; b[i] == was; {
				b[i] = unitLetters[r.IntN(len(unitLetters))]
			}
		}
		rec.postcode = string(b)
		rec.causes.add(postcodeTypo)
	}
	if hit(rates.PostcodeSector) {
		b[n-3] = '0' + (b[n-3]-'0'+byte(1+r.IntN(9)))%10
		rec.postcode = string(b)
		rec.causes.add(postcodeSector)
	}
	if hit(rates.NoFixedAbode) {
		rec.postcode = "ZZ99 3VZ"
		rec.causes.add(postcodePseudo)
	}
	if hit(rates.OtherPseudo) {
		rec.postcode = [...]string{"ZZ99 3WZ", "ZZ99 3WZ", "ZZ99 3CZ", "ZZ99 1WZ", "ZZ99 2WZ", "ZZ99 3GZ"}[r.IntN(6)]
		rec.causes.add(postcodePseudo)
	}
	if hit(rates.PostcodeBlank) {
		rec.postcode = ""
		rec.causes.add(postcodeMissing)
	}
}

// spoilNHS makes the errors in the NHS number.
func (f *folk) spoilNHS(r *rand.Rand, pt *party, household []person, rec *record, hit func(float64) bool) {
	rates := pt.rates
	if hit(rates.NHSDigit) {
		b := []byte(rec.nhs)
		i := 3 + r.IntN(7)
		b[i] = '0' + (b[i]-'0'+byte(1+r.IntN(9)))%10
		rec.nhs = string(b)
		rec.causes.add(nhsDigit)
	}
	if hit(rates.NHSOther) {
		if n := nhsNumber(f.numbers[r.IntN(len(f.numbers))]); n != rec.nhs {
			rec.nhs = n
			rec.causes.add(nhsOther)
		}
	}
	if hit(rates.NHSHousehold) && len(household) > 1 {
		i := r.IntN(len(household) - 1)
		if &household[i] == rec.person {
			i = len(household) - 1
		}
		rec.nhs = household[i].nhs
		rec.causes.add(nhsHousehold)
	}
	if r.Float64() < rates.NHSBlank || r.Float64() < f.s.NHSWithheld {
		rec.nhs = ""
		rec.causes.add(nhsMissing)
	}
}

// plainLetters drops the accents of a name, as systems without them do.
func plainLetters(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return accents.Replace(s)
		}
	}
	return s
}

// accents are the accented letters in our tables, lower and upper case.
var accents = strings.NewReplacer(
	"á", "a", "ã", "a", "ä", "a", "ą", "a", "é", "e", "è", "e", "ë", "e", "ę", "e", "ê", "e", "ē", "e", "í", "i", "ì", "i", "ï", "i", "ó", "o",
	"ö", "o", "ő", "o", "ô", "o", "õ", "o", "ú", "u", "ü", "u", "ű", "u", "ū", "u", "ç", "c", "ć", "c", "č", "c", "ł", "l", "ń", "n", "ñ", "n",
	"ņ", "n", "ś", "s", "š", "s", "ş", "s", "ź", "z", "ż", "z", "ž", "z", "â", "a", "à", "a",
	"Á", "A", "Ã", "A", "Ä", "A", "Ą", "A", "É", "E", "È", "E", "Ë", "E", "Ę", "E", "Ê", "E", "Ē", "E", "Í", "I", "Ì", "I", "Ï", "I", "Ó", "O",
	"Ö", "O", "Ő", "O", "Ô", "O", "Õ", "O", "Ú", "U", "Ü", "U", "Ű", "U", "Ū", "U", "Ç", "C", "Ć", "C", "Č", "C", "Ł", "L", "Ń", "N", "Ñ", "N",
	"Ņ", "N", "Ś", "S", "Š", "S", "Ş", "S", "Ź", "Z", "Ż", "Z", "Ž", "Z", "Â", "A", "À", "A",
)
