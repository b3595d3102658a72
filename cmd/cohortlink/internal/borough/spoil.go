package borough

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// Errors, one function a field. Each draws in the same order whatever happens, reads its rates from the party, and writes the cause beside
// what it changes. hit is the record's own dice: it says whether an error of that rate happens in this record, bad records more often.

// spoilNames makes the errors in forename and surname. CRATE found that 69 % of differing forenames share their first two letters. With aliases
// and swapped names, which share none, at the rates it found too, the rest has to share nine times in ten: that shapes the kinds of forename
// error and how often a nickname begins alike (A).
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
		case x < 0.93:
			rec.forename = edit(r, rec.forename)
			rec.causes.add(typoForename)
		case x < 0.96:
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
	alike := r.Float64() < 0.92
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
// one doubled or put in 20 % each (A).
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

// spoilBirth makes the errors in the date of birth. Which part is wrong and by how much: CRATE.
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

// wrongPart is a wrong day, month or year from lo to hi: out by one in 30.9 % of errors, by two in 14.7 %, two digits exchanged in 2.7 %
// (CRATE), else one digit wrong by so much that the number is out by more than two.
func wrongPart(r *rand.Rand, was, lo, hi int) int {
	out := func(by int) int {
		if r.IntN(2) == 0 {
			by = -by
		}
		if was+by < lo || was+by > hi {
			by = -by
		}
		return was + by
	}
	switch x := r.Float64(); {
	case x < 0.309:
		return out(1)
	case x < 0.456:
		return out(2)
	case x < 0.483:
		if now := was - was%100 + was%10*10 + was/10%10; now != was && now >= lo && now <= hi {
			return now
		}
	}
	for range 50 {
		now := was - was%10 + r.IntN(10)
		if r.IntN(2) == 0 {
			now = was - was/10%10*10 + r.IntN(10)*10
		}
		if abs(now-was) > 2 && now >= lo && now <= hi {
			return now
		}
	}
	return out(1)
}

// spoilPostcode makes the errors in the postcode, which has a space before its last three characters.
func (f *folk) spoilPostcode(r *rand.Rand, pt *party, rec *record, hit func(float64) bool) {
	rates := pt.rates
	b := []byte(rec.postcode)
	n := len(b)
	if hit(rates.PostcodeTypo) {
		if r.Float64() < 0.039 && b[n-1] != b[n-2] { // 27 of 101,349 pairs have the last two exchanged (CRATE)
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
		rec.postcode = noFixedAbode
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
