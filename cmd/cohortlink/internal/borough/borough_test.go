package borough

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// generate writes a borough of some size and returns the folder.
func generate(t *testing.T, s Settings) (string, Summary) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "borough")
	sum, err := Generate(dir, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, sum
}

// small is Clean with few people.
func small(people int) Settings {
	s := Clean()
	s.People = people
	return s
}

// digest is one hash over all files of a folder, names and bytes.
func digest(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		rel, _ := filepath.Rel(dir, path)
		b, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(rel), len(b))
		h.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 3 {
		t.Fatalf("found %d files to compare", files)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSettingsSameBytes(t *testing.T) {
	s := small(3000)
	dir, _ := generate(t, s)
	want := digest(t, dir)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	again, _ := generate(t, s)
	if digest(t, again) != want {
		t.Error("one worker writes another borough than many")
	}
	s.Seed++
	other, _ := generate(t, s)
	if digest(t, other) == want {
		t.Error("another seed writes the same borough")
	}
}

// The digest of one small borough, so that a machine on which floating point or text behaves otherwise is noticed. Who changes what is
// drawn on purpose changes this too, and says so where users are told of changes: their boroughs will differ.
func TestSameBytesEverywhere(t *testing.T) {
	dir, _ := generate(t, small(500))
	const want = "fbd5928ad1687c788c04b0b45bb8ddc73e1aa094dd2c1e9c0d66714650da02f0"
	if got := digest(t, dir); got != want {
		t.Errorf("the borough of 500 people has digest %s, on the machine where it was made it was %s", got, want)
	}
}

// facts are a person's, whatever the borough's size.
func facts(t *testing.T, s Settings) []string {
	t.Helper()
	f, err := newFolk(&s)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	err = f.draw(nil, func(d *drawn) error {
		for i := range d.people {
			q := &d.people[i]
			out = append(out, fmt.Sprint(q.forename, q.surname, q.birth, q.nhs, q.stays, q.needs))
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPeopleDoNotDependOnSizeOrDirt(t *testing.T) {
	few, many, dirty := facts(t, small(1000)), facts(t, small(3000)), Dirty()
	if len(few) < 1000 || !slices.Equal(few, many[:len(few)]) {
		t.Error("the first thousand people of a bigger borough are others")
	}
	dirty.People = 1000
	if !slices.Equal(few, facts(t, dirty)) {
		t.Error("the dirty borough has other people than the clean one")
	}
}

// table is a party's extract as someone who was told its facts reads it: fields by name, in one form.
func table(t *testing.T, dir string, p Party) (rids []string, rows []map[string]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p.File)))
	if err != nil {
		t.Fatal(err)
	}
	if p.TextEncoding == "windows-1252" {
		if b, err = charmap.Windows1252.NewDecoder().Bytes(b); err != nil {
			t.Fatal(err)
		}
	}
	if !utf8.Valid(b) {
		t.Fatalf("%s is not valid UTF-8", p.File)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	r.Comma = rune(p.Delimiter[0])
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", p.File, err)
	}
	if len(all)-1 != p.Rows {
		t.Errorf("%s holds %d rows, the summary says %d", p.File, len(all)-1, p.Rows)
	}
	at := map[string]int{}
	for i, h := range all[0] {
		at[h] = i
	}
	for _, cells := range all[1:] {
		row := map[string]string{}
		for _, m := range []map[string][]string{p.Columns, p.Needs} {
			for name, headers := range m {
				var parts []string
				for _, h := range headers {
					i, ok := at[h]
					if !ok {
						t.Fatalf("%s has no column %q", p.File, h)
					}
					parts = append(parts, cells[i])
				}
				row[name] = strings.TrimSpace(strings.Join(parts, " "))
			}
		}
		row["forename"] = strings.ToUpper(plainLetters(row["forename"]))
		row["surname"] = strings.ToUpper(plainLetters(row["surname"]))
		row["postcode"] = strings.ReplaceAll(row["postcode"], " ", "")
		row["nhs_number"] = strings.ReplaceAll(row["nhs_number"], " ", "")
		row["birth_date"] = isoDate(t, p.Dates, row["birth_date"])
		row["sex"] = map[string]string{"M": "M", "F": "F", "1": "M", "2": "F", "Male": "M", "Female": "F", "": "", "0": "", "9": "", "U": "", "Unknown": ""}[row["sex"]]
		rids, rows = append(rids, cells[at[p.RIDColumn]]), append(rows, row)
	}
	return rids, rows
}

func isoDate(t *testing.T, form, s string) string {
	if s == "" {
		return ""
	}
	layout := map[string]string{"DD/MM/YYYY": "02/01/2006", "YYYY-MM-DD": "2006-01-02", "YYYYMMDD": "20060102", "D MMM YYYY": "2 Jan 2006", "DD MM YYYY": "02 01 2006"}[form]
	d, err := time.Parse(layout, s)
	if err != nil {
		t.Fatalf("a date is not in the form %s or does not exist", form)
	}
	return d.Format(time.DateOnly)
}

// The files themselves, read through the summary: every record is in the truth, the facts about the parties hold, and the rates that CRATE
// published come out of the cells.
func TestFilesHoldWhatTheSummarySays(t *testing.T) {
	s := small(30_000)
	s.LegacyEncoding = true
	dir, sum := generate(t, s)

	truth := map[string]string{}
	b, err := os.ReadFile(filepath.Join(dir, sum.TruthFile))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines)-1 != sum.Records {
		t.Errorf("the truth has %d records, the summary says %d", len(lines)-1, sum.Records)
	}
	parties := map[string]map[string]bool{} // entity -> parties
	for _, l := range lines[1:] {
		truth[l[1]+" "+l[2]] = l[0]
		if parties[l[0]] == nil {
			parties[l[0]] = map[string]bool{}
		}
		parties[l[0]][l[1]] = true
	}
	if len(truth) != sum.Records {
		t.Errorf("only %d of %d record numbers differ", len(truth), sum.Records)
	}
	inParties := make([]int, len(sum.Parties)+1)
	for _, p := range parties {
		inParties[len(p)]++
	}
	inParties[0] = sum.People - len(parties)
	if !slices.Equal(inParties, sum.InParties) {
		t.Errorf("people by number of parties: %v in the truth, %v in the summary", inParties, sum.InParties)
	}
	known := sum.People - inParties[0]
	if few := inParties[2] + inParties[3] + inParties[4]; few*10 < known*7 {
		t.Errorf("%d of %d people known to anyone are in two to four parties, want seven in ten at least", few, known)
	}
	if sum.InParties[len(sum.Parties)] != 0 {
		t.Error("someone is in every party")
	}

	hospital := map[string]map[string]string{}
	var c struct{ pairs, forename, surname, dobs, dob, postcodes, postcode, sexes, sex, nhs, badNHS int }
	for i, p := range append([]Party{sum.Parties[1]}, sum.Parties[2:]...) {
		rids, rows := table(t, dir, p)
		seen := map[string]bool{}
		for k, row := range rows {
			e := truth[p.Name+" "+rids[k]]
			if e == "" {
				t.Fatalf("%s: a record is not in the truth", p.Name)
			}
			if p.Deduplicated && seen[e] {
				t.Errorf("%s says it is deduplicated and has someone twice", p.Name)
			}
			seen[e] = true
			if n := row["nhs_number"]; n != "" {
				c.nhs++
				if !validNHS(n) {
					c.badNHS++
				}
			}
			if i == 0 {
				hospital[e] = row
				continue
			}
			h := hospital[e]
			if h == nil {
				continue
			}
			c.pairs++
			differ := func(field string, both, n *int) {
				if row[field] != "" && h[field] != "" && !strings.HasPrefix(row[field], "ZZ99") && !strings.HasPrefix(h[field], "ZZ99") {
					*both++
					if row[field] != h[field] {
						*n++
					}
				}
			}
			var all int
			differ("forename", &all, &c.forename)
			differ("surname", &all, &c.surname)
			differ("birth_date", &c.dobs, &c.dob)
			differ("sex", &c.sexes, &c.sex)
			differ("postcode", &c.postcodes, &c.postcode)
		}
	}
	wantsRoughly(t, "forename differs", c.forename, c.pairs, 0.0236)
	wantsRoughly(t, "surname differs", c.surname, c.pairs, 0.0486)
	wantsRoughly(t, "date of birth differs", c.dob, c.dobs, 0.0049)
	wantsRoughly(t, "sex differs", c.sex, c.sexes, 0.0033)
	wantsRoughly(t, "NHS number fails its check", c.badNHS, c.nhs, 0.001)
	// Stale registrations are in these pairs, and their addresses are older: so more differ than between two up-to-date systems.
	if share := float64(c.postcode) / float64(c.postcodes); share < 0.30 || share > 0.40 {
		t.Errorf("postcodes differ on %.1f %% of pairs, want somewhat more than 31 %%", 100*share)
	}
	council, _ := table(t, dir, sum.Parties[0])
	if len(council) == 0 {
		t.Error("the council has no one")
	}
}

// validNHS is written from the rule, not from the generator: weights 10 to 2 on the first nine digits.
func validNHS(n string) bool {
	if len(n) != 10 || n[:3] != "999" {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += int(n[i]-'0') * (10 - i)
	}
	return (11-sum%11)%11 == int(n[9]-'0') && 11-sum%11 != 10
}

func TestNHSNumbers(t *testing.T) {
	bodies := nhsBodies(7)
	if len(bodies) < MaxPeople+10 {
		t.Fatalf("%d numbers are too few for %d people", len(bodies), MaxPeople)
	}
	seen := make([]bool, 1_000_000)
	for _, b := range bodies {
		if seen[b] {
			t.Fatal("a number comes twice")
		}
		seen[b] = true
		if !validNHS(nhsNumber(b)) {
			t.Fatalf("the number with body %06d fails its check", b)
		}
	}
}

func TestRecordNumbersAreOpaque(t *testing.T) {
	ps := parties(new(small(100)))
	seen := map[string]bool{}
	up := 0
	const n = 200_000
	last := ""
	for i := range uint32(n) {
		rid := ps[1].ridText(i)
		if len(rid) != 8 || seen[rid] {
			t.Fatalf("record number %d is %q: not eight digits, or given before", i, rid)
		}
		seen[rid] = true
		if rid > last {
			up++
		}
		last = rid
	}
	if up < n*4/10 || up > n*6/10 {
		t.Errorf("%d of %d record numbers are greater than the one before: they tell the order", up, n)
	}
}

// Rows next to each other in a file belong to one household no oftener than by chance.
func TestRowsAreShuffled(t *testing.T) {
	s := small(5000)
	dir, sum := generate(t, s)
	household := map[string]string{}
	b, err := os.ReadFile(filepath.Join(dir, sum.TruthFile))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[1:] {
		household[l[1]+" "+l[2]] = l[3]
	}
	rids, _ := table(t, dir, sum.Parties[1])
	same := 0
	for i := range rids[1:] {
		if household["ccg "+rids[i]] == household["ccg "+rids[i+1]] {
			same++
		}
	}
	if same > 12 { // about three expected
		t.Errorf("%d of %d neighbouring rows are of one household", same, len(rids))
	}
}

func TestPeopleAreSpreadAsPublished(t *testing.T) {
	s := small(40_000)
	f, err := newFolk(&s)
	if err != nil {
		t.Fatal(err)
	}
	var people, households, children, twins, women, juniors, apart, pairs int
	var moves float64
	ages, sizes, groups := [18]int{}, [9]int{}, map[byte]int{}
	err = f.draw(nil, func(d *drawn) error {
		households++
		sizes[min(8, len(d.people))]++
		var first *person
		for i := range d.people {
			q := &d.people[i]
			people++
			ages[min(17, q.ageNow/5)]++
			groups[q.ethnic]++
			if q.sex == 'F' {
				women++
			}
			if q.ageNow < 19 {
				children++
			}
			if q.junior {
				juniors++
			}
			for _, st := range q.stays[1:] {
				if st.from > f.today-3*365 {
					moves += 1.0 / 3
				}
			}
			if !q.twin {
				continue
			}
			if q.ageNow < 19 {
				twins++
			}
			if first == nil {
				first = q
				continue
			}
			pairs++
			if q.birth != first.birth || q.surname != first.surname && q.earlier == "" && first.earlier == "" && q.naming != muslim && q.naming != sikh && q.naming != european {
				t.Errorf("twins of household %d differ in date of birth or family name", households)
			}
			if q.stays[len(q.stays)-1].home != first.stays[len(first.stays)-1].home {
				apart++
			}
			if q.forename == first.forename && q.sex == first.sex {
				t.Errorf("twins of household %d have one forename", households)
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want, slack float64) {
		t.Helper()
		t.Logf("%-20s %6.2f  published %6.2f", what, got, want)
		if got < want-slack || got > want+slack {
			t.Errorf("%s: %.2f, want %.2f give or take %.2f", what, got, want, slack)
		}
	}
	percent := func(n, of int) float64 { return 100 * float64(n) / float64(of) }
	// Census 2021, Trafford: people by five-year band (0 to 4 up to 85 and over) and households by size (1 to 8 and more).
	trafford := []int{13466, 16009, 16431, 13210, 10531, 12567, 14902, 17337, 17379, 16493, 16465, 15918, 13052, 10824, 10664, 7917, 6048, 5837}
	for i, n := range trafford {
		near(fmt.Sprintf("age %d to %d", 5*i, 5*i+4), percent(ages[i], people), percent(n, 235_050), 2.3)
	}
	for i, n := range []int{28369, 30169, 16038, 14824, 4766, 1448, 410, 245} {
		near(fmt.Sprintf("households of %d", i+1), percent(sizes[i+1], households), percent(n, 96_269), 2.5)
	}
	for _, g := range ethnicGroups {
		near(fmt.Sprintf("ethnic group %c", g.code), percent(groups[g.code], people), float64(g.share)/9.97, 1)
	}
	near("women", percent(women, people), 51, 2)
	near("twins among children", percent(twins, children), 3, 0.6)
	near("moves a year", 100*moves/float64(people), 10, 2)
	if pairs == 0 || apart > 0 {
		t.Errorf("%d of %d pairs of twins at home live apart", apart, pairs)
	}
	if juniors == 0 || juniors%2 != 0 {
		t.Errorf("%d fathers and sons of one name: want some, in twos", juniors)
	}
}

func TestCouncils(t *testing.T) {
	for _, tc := range []struct {
		kind          Council
		low, high     float64 // share of people
		nhsLow, nhsHi float64 // share of rows with an NHS number
		noDOB         float64
	}{
		{CouncilIndex, 0.45, 0.65, 0.80, 0.95, 0.03},
		{CouncilSocialCare, 0.02, 0.05, 0.80, 0.95, 0.03},
		{CouncilTax, 0.45, 0.70, 0, 0, 0.40},
	} {
		s := small(10_000)
		s.Council = tc.kind
		dir, sum := generate(t, s)
		_, rows := table(t, dir, sum.Parties[0])
		nhs, noDOB := 0, 0
		for _, r := range rows {
			if r["nhs_number"] != "" {
				nhs++
			}
			if r["birth_date"] == "" {
				noDOB++
			}
		}
		n := float64(len(rows))
		if x := n / float64(sum.People); x < tc.low || x > tc.high {
			t.Errorf("%s: %.3f of people are in it, want %.2f to %.2f", tc.kind, x, tc.low, tc.high)
		}
		if x := float64(nhs) / n; x < tc.nhsLow || x > tc.nhsHi {
			t.Errorf("%s: %.3f of rows have an NHS number, want %.2f to %.2f", tc.kind, x, tc.nhsLow, tc.nhsHi)
		}
		wantsRoughly(t, string(tc.kind)+": no date of birth", noDOB, len(rows), tc.noDOB)
	}
}

func TestNHSNumbersWithheld(t *testing.T) {
	s := small(2000)
	s.NHSWithheld = 1
	dir, sum := generate(t, s)
	for _, p := range sum.Parties {
		_, rows := table(t, dir, p)
		for _, r := range rows {
			if r["nhs_number"] != "" {
				t.Fatalf("%s has an NHS number", p.Name)
			}
		}
	}
}

func TestEventsSayWhy(t *testing.T) {
	s := Dirty()
	s.People = 5000
	dir, sum := generate(t, s)
	b, err := os.ReadFile(filepath.Join(dir, sum.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, l := range lines[1:] {
		for w := range strings.FieldsSeq(l[2]) {
			count[w]++
		}
	}
	for _, c := range causeNames {
		if c == "" {
			t.Error("a cause has no name")
		}
	}
	for _, c := range []string{"moved", "married", "nickname", "typo-forename", "swapped", "dob-day", "dob-default", "twin", "stale-registration", "nhs-missing", "duplicate"} {
		if count[c] == 0 {
			t.Errorf("no record has the cause %s", c)
		}
	}
}

func TestRefuses(t *testing.T) {
	for what, change := range map[string]func(*Settings){
		"no people":         func(s *Settings) { s.People = 0 },
		"too many people":   func(s *Settings) { s.People = MaxPeople + 1 },
		"no practice":       func(s *Settings) { s.Practices = 0 },
		"unknown council":   func(s *Settings) { s.Council = "parish" },
		"a share above one": func(s *Settings) { s.CCG.Forename = 1.5 },
		"a negative share":  func(s *Settings) { s.Outsiders = -0.1 },
		"no date":           func(s *Settings) { s.AsOf = time.Time{} },
	} {
		s := small(10)
		change(&s)
		dir := filepath.Join(t.TempDir(), "x")
		if _, err := Generate(dir, s, nil); err == nil {
			t.Errorf("%s is accepted", what)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder was made", what)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	s := small(50)
	dir, _ := generate(t, s)
	before := digest(t, dir)
	s.Seed++
	if _, err := Generate(dir, s, nil); err == nil {
		t.Error("a second borough was written over the first")
	}
	if digest(t, dir) != before {
		t.Error("the refused borough left something behind")
	}
	// Beside other files it may lie.
	beside := t.TempDir()
	if err := os.WriteFile(filepath.Join(beside, "notes.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(beside, s, nil); err != nil {
		t.Error(err)
	}
}

// A borough big enough to spill comes out in the same order as the keys say.
func TestDrawersSpill(t *testing.T) {
	d := drawers{spill: filepath.Join(t.TempDir(), "spill")}
	want := map[uint64]string{}
	var keys []uint64
	for i := range uint64(100_000) {
		k := mix(i)
		want[k] = fmt.Sprintf("row %d of some length or other\n", i)
		keys = append(keys, k)
		if err := d.add(k, []byte(want[k])); err != nil {
			t.Fatal(err)
		}
	}
	if d.f == nil {
		t.Fatal("nothing was spilled")
	}
	var out bytes.Buffer
	if err := d.emit(&out); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	var all strings.Builder
	for _, k := range keys {
		all.WriteString(want[k])
	}
	if out.String() != all.String() {
		t.Error("rows are missing or out of order")
	}
	if _, err := os.Stat(d.spill); err == nil {
		t.Error("the spill file was left")
	}
}

func TestNameTables(t *testing.T) {
	n, err := loadNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []culture{british, irish, muslim, hindu, sikh, chinese, african, european} {
		if n.surnames[string(c)] == nil {
			t.Errorf("no surnames for %s", c)
		}
		for _, sex := range []string{"M", "F"} {
			years := []int{0}
			if c == british {
				years = listYears
			}
			for _, y := range years {
				if n.forenames[fmt.Sprintf("%s %s %d", c, sex, y)] == nil {
					t.Errorf("no forenames for %s %s %d", c, sex, y)
				}
			}
		}
	}
	all := 0
	for _, table := range []map[string]*weighted{n.forenames, n.surnames, n.nicknames, n.spellings} {
		for _, list := range table {
			for _, name := range list.names {
				all++
				for _, c := range plainLetters(name) {
					if c >= utf8.RuneSelf {
						t.Errorf("plainLetters leaves %q in %q", c, name)
					}
				}
			}
		}
	}
	if all < 20_000 {
		t.Errorf("only %d names", all)
	}
	for in, want := range map[string]string{"mary-jane": "Mary-Jane", "o'brien": "O'Brien", "mcdonald": "McDonald", "mack": "Mack", "de morgan": "De Morgan"} {
		if got := titleCase(in); got != want {
			t.Errorf("titleCase(%q) = %q", in, got)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	s := small(20_000)
	for b.Loop() {
		if _, err := Generate(filepath.Join(b.TempDir(), "x"), s, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.People)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
}
