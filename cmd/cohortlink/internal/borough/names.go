package borough

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Names come from compact tables made by names/make.py; names/README.md names the sources and licences. Nothing is read at run time but
// the table that is part of the program.

//go:embed names/tables.txt.gz
var nameTableFile []byte

// weighted is a list of names to draw from, each as often as its weight says.
type weighted struct {
	names []string
	upTo  []uint32 // cumulative weights
}

func (w *weighted) draw(r *rand.Rand) string {
	x := r.Uint32N(w.upTo[len(w.upTo)-1])
	return w.names[sort.Search(len(w.upTo), func(i int) bool { return w.upTo[i] > x })]
}

// nameTables holds every list, names in the usual mixed case. Immutable.
type nameTables struct {
	forenames map[string]*weighted // "british M 1964"
	surnames  map[string]*weighted // "british"
	nicknames map[string]*weighted // forename -> what is used in its place
	spellings map[string]*weighted // surname -> near spellings
}

// loadNames reads the embedded tables once.
var loadNames = sync.OnceValues(func() (*nameTables, error) {
	z, err := gzip.NewReader(bytes.NewReader(nameTableFile))
	if err != nil {
		return nil, fmt.Errorf("embedded name tables: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("embedded name tables: %w", err)
	}
	t := &nameTables{
		forenames: map[string]*weighted{}, surnames: map[string]*weighted{},
		nicknames: map[string]*weighted{}, spellings: map[string]*weighted{},
	}
	into := map[string]map[string]*weighted{
		"forename": t.forenames, "surname": t.surnames, "forename-variant": t.nicknames, "surname-variant": t.spellings,
	}
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		head, entries, ok := strings.Cut(strings.TrimSuffix(s, "\n"), "\t")
		what, key, ok2 := strings.Cut(head, " ")
		table := into[what]
		if !ok || !ok2 || table == nil {
			return nil, fmt.Errorf("embedded name tables: line %d is not a list", line)
		}
		if strings.HasSuffix(what, "-variant") {
			key = titleCase(key)
		}
		w := &weighted{}
		sum := uint32(0)
		for e := range strings.SplitSeq(entries, ",") {
			at := max(0, strings.LastIndexByte(e, ' ')) // a name may hold a space
			name := e[:at]
			n, err := strconv.ParseUint(strings.TrimPrefix(e[at:], " "), 10, 24)
			if err != nil || n == 0 || name == "" {
				return nil, fmt.Errorf("embedded name tables: line %d has an entry without a weight", line)
			}
			sum += uint32(n)
			w.names, w.upTo = append(w.names, titleCase(name)), append(w.upTo, sum)
		}
		table[key] = w
	}
	return t, nil
})

// titleCase writes a name as people do: Mary-Jane, O'Brien, McDonald.
func titleCase(name string) string {
	var b strings.Builder
	up := true
	for i, c := range name {
		if up {
			c = unicode.ToUpper(c)
		}
		b.WriteRune(c)
		up = c == '-' || c == ' ' || c == '\'' && i == 1 || i == 1 && c == 'c' && strings.HasPrefix(name, "mc") && len(name) > 4
	}
	return b.String()
}

// listYears are the birth years for which there is a list of British forenames.
var listYears = []int{1924, 1934, 1944, 1954, 1964, 1974, 1984, 1994, 2001, 2012}

// forename draws a forename by naming culture, sex and, for British names, year of birth: between two lists the nearer is the likelier.
func (t *nameTables) forename(r *rand.Rand, c culture, sex byte, birthYear int) string {
	if c != british {
		return t.forenames[string(c)+" "+string(sex)+" 0"].draw(r)
	}
	i := sort.SearchInts(listYears, birthYear)
	switch {
	case i == len(listYears):
		i--
	case i > 0 && r.IntN(listYears[i]-listYears[i-1]) >= birthYear-listYears[i-1]:
		i--
	}
	return t.forenames["british "+string(sex)+" "+strconv.Itoa(listYears[i])].draw(r)
}

func (t *nameTables) surname(r *rand.Rand, c culture) string { return t.surnames[string(c)].draw(r) }

// ownSurname is the form of a family's surname that one member bears: Kaur and Singh, Begum, Kowalska.
func ownSurname(r *rand.Rand, c culture, sex byte, family string) string {
	x := r.Float64()
	switch c {
	case sikh:
		if family == "Singh" || family == "Kaur" {
			if sex == 'F' {
				return "Kaur"
			}
			return "Singh"
		}
	case muslim:
		if sex == 'F' && x < 0.25 { // (A)
			return [...]string{"Begum", "Bibi", "Khatun", "Akhtar", "Kausar"}[int(x*20)]
		}
	case european:
		if stem, ok := strings.CutSuffix(family, "ski"); ok && sex == 'F' && x < 0.9 {
			return stem + "ska"
		}
	}
	return family
}

// firstLetters is the first n letters of a name, for "shares the first two letters".
func firstLetters(name string, n int) string {
	i := 0
	for ; n > 0 && i < len(name); n-- {
		_, size := utf8.DecodeRuneInString(name[i:])
		i += size
	}
	return name[:i]
}
