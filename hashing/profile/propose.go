package profile

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// Finding the column of a field. A header alone can lie ("Postcode" may be the
// practice's), and content alone cannot tell a forename from a surname, nor a
// date of birth from a date of registration. So a header that is known proposes,
// content confirms or refuses, and content by itself proposes only for what has
// a shape of its own: an NHS number, a postcode, a sex, a birth date. No lists
// of people's names are used.

// StandardFields are the fields of a project that has not been written yet.
func StandardFields() []hashing.Field {
	return []hashing.Field{
		{Name: "forename", Kind: norm.Name}, {Name: "surname", Kind: norm.Name}, {Name: "birth_date", Kind: norm.Date},
		{Name: "sex", Kind: norm.Sex}, {Name: "postcode", Kind: norm.Postcode}, {Name: "nhs_number", Kind: norm.NHSNumber},
	}
}

// A concept is what a header can mean.
type concept struct {
	kinds   []norm.Kind // a field of another kind is not meant, whatever its name
	headers string      // words written together
	not     string      // a header with one of these words means something else
}

// Headers as seen in exports of practice, hospital and council systems, and in
// the NHS Data Dictionary (PERSON_GIVEN_NAME, PERSON_BIRTH_DATE,
// POSTCODE_OF_USUAL_ADDRESS).
var concepts = []concept{
	{[]norm.Kind{norm.Name, norm.Text}, "forename forenames firstname firstnames first givenname givennames given christianname fname", "birth maiden preferred known surname last family middle second"},
	{[]norm.Kind{norm.Name, norm.Text}, "surname surnames lastname last familyname family sname lname", "birth maiden preferred known first given"},
	{[]norm.Kind{norm.Name, norm.Text}, "middlename middlenames middle secondname othernames otherforenames", "birth maiden surname"},
	{[]norm.Kind{norm.Name, norm.Text}, "fullname wholename name", "first given last family middle birth maiden forename surname"},
	{[]norm.Kind{norm.Date, norm.Year}, "dateofbirth datebirth birthdate birthdt dob born", "death day month year"},
	{[]norm.Kind{norm.Year}, "yearofbirth yearbirth birthyear yob", ""},
	{[]norm.Kind{norm.Sex, norm.Code}, "sex gender sexcode gendercode", "identity birth"},
	{[]norm.Kind{norm.Postcode, norm.Code, norm.Text}, "postcode postalcode pcode postcd zip zipcode", ""},
	{[]norm.Kind{norm.NHSNumber}, "nhsnumber nhsno nhsnum nhsid nhs newnhsno chi chinumber hcnumber", "status trace verified"},
	{[]norm.Kind{norm.UPRN}, "uprn propertyreference propertyreferencenumber", "parent"},
	{[]norm.Kind{norm.Phone}, "phone phoneno phonenumber telephone telephoneno telephonenumber tel telno mobile mobileno mobilenumber mobilephone", ""},
}

// The three columns of a birth date that was cut in parts.
var birthParts = []string{"birthday dayofbirth dobday daybirth dobdd", "birthmonth monthofbirth dobmonth monthbirth dobmm", "birthyear yearofbirth dobyear yearbirth yob dobyyyy"}

// Words that make a header somebody else's, or another time's.
const others = "gp practice surgery practitioner doctor previous prev former old next kin nok mother father parent guardian carer emergency school death died deceased dod registration admission referral start end created updated employer partner spouse"

// Words that say nothing about what a column holds.
const fillers = "patient patients pat person client customer resident service user home current usual address of the main legal official code at pds"

// headerWords cuts a header into lower-case words at signs, digits and capitals.
func headerWords(header string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	runes := []rune(header)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			end()
			continue
		case unicode.IsUpper(r) && len(word) > 0:
			// A capital begins a word after a small letter, and before one: NHSNumber.
			if !unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
				end()
			}
		}
		word = append(word, r)
	}
	end()
	return out
}

// means is how well a header fits a concept: 2 when it says just that, 1 when it
// says that among other words, 0 when it does not.
func (c *concept) means(header string) int {
	var words []string
	for _, w := range headerWords(header) {
		if hasWord(others, w) || hasWord(c.not, w) {
			return 0
		}
		words = append(words, w)
	}
	// With and without the words that say nothing: "usual address postcode", "sex code".
	plain := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return hasWord(fillers, w) })
	if hasWord(c.headers, strings.Join(words, "")) || hasWord(c.headers, strings.Join(plain, "")) {
		return 2
	}
	for i := range plain {
		for j := i + 1; j <= min(len(plain), i+3); j++ {
			if hasWord(c.headers, strings.Join(plain[i:j], "")) {
				return 1
			}
		}
	}
	return 0
}

func hasWord(list, word string) bool {
	return word != "" && slices.Contains(strings.Fields(list), word)
}

// KnownHeader reports whether at least one column has a name that says what
// it holds. A first line without one may be a record.
func KnownHeader(header []string) bool {
	return slices.ContainsFunc(header, func(h string) bool {
		return slices.ContainsFunc(concepts, func(c concept) bool { return c.means(h) > 0 })
	})
}

// somebodyElses reports whether a header is about another person or time.
func somebodyElses(header string) bool {
	return slices.ContainsFunc(headerWords(header), func(w string) bool { return hasWord(others, w) })
}

// conceptOf is what a project's field means, by its name and else by its kind;
// nil where neither says.
func conceptOf(f hashing.Field) *concept {
	var best *concept
	for i := range concepts {
		c := &concepts[i]
		if slices.Contains(c.kinds, f.Kind) && c.means(f.Name) > 0 && (best == nil || c.means(f.Name) > best.means(f.Name)) {
			best = c
		}
	}
	if best != nil {
		return best
	}
	for i := range concepts {
		if c := &concepts[i]; c.kinds[0] == f.Kind && f.Kind != norm.Name {
			return c
		}
	}
	return nil
}

// sample is what a column looks like in the first rows.
type sample struct {
	header string
	cells  []string // that hold something
	fits   map[norm.Kind]float64
	valid  float64 // share of valid NHS numbers
	wide   bool    // its dates are as far apart as dates of birth are
	both   bool    // holds both sexes, in letters
	names  bool    // has the shape of names of people
}

// likely is the share of cells that make a column one of its kind.
const likely = 0.8

// enough is the number of cells below which content proves nothing.
const enough = 8

func newSample(header string, column int, rows [][]string) *sample {
	s := &sample{header: header, fits: make(map[norm.Kind]float64)}
	for _, row := range rows {
		if c := strings.TrimSpace(row[column]); c != "" {
			s.cells = append(s.cells, c)
		}
	}
	if len(s.cells) == 0 {
		return s
	}
	all := float64(len(s.cells))
	for _, k := range []norm.Kind{norm.NHSNumber, norm.Postcode, norm.Sex, norm.Phone, norm.UPRN} {
		n, _ := norm.New(k, norm.Options{})
		good, valid, male, female := 0, 0, 0, 0
		for _, c := range s.cells {
			if shaped(k, n, c) {
				good++
			}
			if k == norm.NHSNumber {
				if text, _ := n.Value(c); text != "" {
					valid++
				}
			}
			if k == norm.Sex && strings.IndexFunc(c, unicode.IsLetter) >= 0 {
				switch text, _ := n.Value(c); text {
				case "M":
					male++
				case "F":
					female++
				}
			}
		}
		s.fits[k] = float64(good) / all
		if k == norm.NHSNumber {
			s.valid = float64(valid) / all
		}
		s.both = s.both || male > 0 && female > 0
	}
	s.dates()
	s.nameShape()
	return s
}

// shaped reports whether a cell looks like a value of a kind, right or wrong.
func shaped(k norm.Kind, n *norm.Normaliser, cell string) bool {
	text, p := n.Value(cell)
	switch k {
	case norm.NHSNumber:
		return text != "" || p == norm.CheckDigit && len(cell) >= 10
	case norm.Postcode:
		// A word such as BOOROWA mends to a postcode if every O in it is taken for a 0.
		return (text != "" || p == norm.PseudoPostcode) && strings.ContainsAny(cell, "0123456789")
	case norm.Phone:
		return text != "" && strings.ContainsAny(cell[:1], "0+(")
	case norm.Date:
		return text != "" && (p == norm.None || p == norm.OtherForm || p == norm.AmbiguousDate || p == norm.TwoDigitYear)
	}
	return text != ""
}

func (s *sample) dates() {
	var col norm.DateColumn
	var years []int
	year, _ := norm.New(norm.Year, norm.Options{Dates: "DD/MM/YYYY"})
	for _, c := range s.cells {
		col.Add(c)
		text, _ := year.Value(c)
		if y, err := strconv.Atoi(text); err == nil {
			years = append(years, y)
		}
	}
	r := col.Report()
	s.fits[norm.Date] = float64(r.BestCells+r.SecondCells) / float64(len(s.cells))
	s.fits[norm.Year] = float64(len(years)) / float64(len(s.cells))
	slices.Sort(years)
	if n := len(years); n > 0 {
		// Four decades between the tenths at either end: nothing but births is spread so.
		s.wide = years[n-1-n/10]-years[n/10] > 40
	}
}

// nameShape: one to three words of letters, and too many different ones for a
// category or a town.
func (s *sample) nameShape() {
	seed := maphash.MakeSeed()
	distinct := make(map[uint64]bool)
	shape := 0
	for _, c := range s.cells {
		letters := strings.IndexFunc(c, func(r rune) bool {
			return !unicode.IsLetter(r) && !strings.ContainsRune(" '-.\u2019", r)
		}) < 0
		if letters && len(c) > 1 && len(c) <= 40 && strings.Count(c, " ") < 3 {
			shape++
		}
		distinct[maphash.String(seed, strings.ToUpper(c))] = true
	}
	s.names = len(s.cells) >= 20 && float64(shape) >= 0.9*float64(len(s.cells)) && len(distinct)*10 >= len(s.cells)
	if s.names {
		s.fits[norm.Name] = 1
	} else {
		s.fits[norm.Name] = float64(shape) / float64(len(s.cells))
	}
}

// fit is how far the content agrees with a kind, 0 to 1; where there is too
// little of it, a half.
func (s *sample) fit(k norm.Kind) float64 {
	if f, known := s.fits[k]; known && len(s.cells) >= enough {
		return f
	}
	return 0.5
}

// alone reports whether the content by itself says that the column is of a kind.
func (s *sample) alone(k norm.Kind) bool {
	if len(s.cells) < enough || s.fits[k] < likely {
		return false
	}
	if somebodyElses(s.header) {
		return false
	}
	for i := range concepts {
		if c := &concepts[i]; c.means(s.header) == 2 && !slices.Contains(c.kinds, k) {
			return false // a telephone number has ten digits too
		}
	}
	switch k {
	case norm.NHSNumber: // of numbers drawn at random one in eleven is valid
		return s.valid >= likely
	case norm.Postcode:
		return true
	case norm.Date:
		return s.wide
	case norm.Sex:
		return s.both
	}
	return false
}

// How the columns of a field were found.
const (
	FoundGiven   = "as given"   // the caller said so
	FoundHeader  = "by header"  // proposed: the header is a usual one, and the content does not speak against it
	FoundContent = "by content" // proposed: the cells look so
	NotFound     = ""
)

type proposal struct {
	columns []int
	how     string
}

// propose finds columns for the fields that have none. No column is proposed
// twice, nor where it is a field's already.
func propose(samples []*sample, fields []Field) []proposal {
	out := make([]proposal, len(fields))
	taken := make([]bool, len(samples))
	for i, f := range fields {
		if len(f.Columns) > 0 {
			out[i] = proposal{f.Columns, FoundGiven}
			for _, c := range f.Columns {
				taken[c] = true
			}
		}
	}
	for i, f := range fields {
		if out[i].how != NotFound {
			continue
		}
		best, most := -1, 0.0
		if c := conceptOf(f.Field); c != nil {
			for j, s := range samples {
				if m := c.means(s.header); m > 0 && !taken[j] {
					fit := s.fit(f.Kind)
					// A header that says a thing plainly is believed even where a spreadsheet has spoilt
					// every cell; one that says it among other words needs content to bear it out.
					if score := float64(m) + fit; (m == 2 || fit >= 0.5) && score > most {
						best, most = j, score
					}
				}
			}
		}
		if best >= 0 {
			out[i] = proposal{[]int{best}, FoundHeader}
			taken[best] = true
		} else if f.Kind == norm.Date {
			if parts := birthColumns(samples, taken); parts != nil {
				out[i] = proposal{parts, FoundHeader}
				for _, c := range parts {
					taken[c] = true
				}
			}
		}
	}
	for i, f := range fields {
		if out[i].how != NotFound {
			continue
		}
		var found []int
		for j, s := range samples {
			if !taken[j] && s.alone(f.Kind) {
				found = append(found, j)
			}
		}
		if len(found) == 1 { // of two, neither
			out[i] = proposal{found, FoundContent}
			taken[found[0]] = true
		}
	}
	return out
}

// birthColumns finds day, month and year of birth in columns of their own.
func birthColumns(samples []*sample, taken []bool) []int {
	var out []int
	for _, headers := range birthParts {
		at := slices.IndexFunc(samples, func(s *sample) bool {
			return hasWord(headers, strings.Join(headerWords(s.header), ""))
		})
		if at < 0 || taken[at] {
			return nil
		}
		out = append(out, at)
	}
	return out
}
