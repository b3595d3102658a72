package profile

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// TestCountHides: whoever sees a count, and the number of all records, cannot
// tell apart the seven numbers that are small or lack little to all, nor the five
// that round alike.
func TestCountHides(t *testing.T) {
	for all := 0; all <= 300; all++ {
		same := map[string]int{}
		for n := 0; n <= all; n++ {
			same[fmt.Sprint(seen(protect(n, all)))]++
		}
		for n := 1; n <= all; n++ {
			c := protect(n, all)
			if n == all && n >= Few {
				if c.Text != "all" || *c.About != n {
					t.Fatalf("%d of %d: %+v", n, all, seen(c))
				}
				continue
			}
			// Next to either threshold a group of numbers that round alike can be cut short.
			if small := same[fmt.Sprint(seen(c))]; n >= Few+rounded && all-n >= Few+rounded && small != rounded || n < Few && all > Few && small != Few-1 ||
				all >= 4*Few && all-n < Few && small != Few-1 {
				t.Fatalf("%d of %d: %+v stands for %d numbers", n, all, seen(c), small)
			}
			if n < Few && (c.About != nil || c.Share != "") || all-n < Few && all-n > 0 && c.About != nil {
				t.Fatalf("%d of %d is shown as %+v", n, all, seen(c))
			}
			if c.About != nil && (*c.About%rounded != 0 || *c.About-n > rounded/2 || n-*c.About > rounded/2) {
				t.Fatalf("%d of %d is rounded to %d", n, all, *c.About)
			}
		}
	}
}

func seen(c Count) [3]string {
	about := "hidden"
	if c.About != nil {
		about = fmt.Sprint(*c.About)
	}
	return [3]string{c.Text, about, c.Share}
}

// TestReportHoldsNoNumbers: every number that a report can carry is a Count,
// text, or the number of a row.
func TestReportHoldsNoNumbers(t *testing.T) {
	var walk func(reflect.Type, string)
	fields := 0
	walk = func(typ reflect.Type, path string) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(typ.Elem(), path)
		case reflect.Struct:
			if typ == reflect.TypeFor[Count]() {
				return
			}
			for i := range typ.NumField() {
				fields++
				walk(typ.Field(i).Type, path+"."+typ.Field(i).Name)
			}
		case reflect.String, reflect.Bool:
		default:
			if path != "Report.Reasons.First" {
				t.Errorf("%s is a %s", path, typ)
			}
		}
	}
	walk(reflect.TypeFor[Report](), "Report")
	if fields < 20 {
		t.Errorf("only %d fields were looked at", fields)
	}
}

func TestHeaderWords(t *testing.T) {
	for header, want := range map[string]string{
		"NHSNumber": "nhs number", "PERSON_BIRTH_DATE": "person birth date", "FORENAME1": "forename", "Date of Birth": "date of birth",
		"dob": "dob", "NHS No.": "nhs no", "": "", "123": "", "patientDOB": "patient dob", "Født": "født",
	} {
		if got := strings.Join(headerWords(header), " "); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// TestProposeByHeader: usual headers of every field are found, and those that
// belong to somebody else are not.
func TestProposeByHeader(t *testing.T) {
	for field, headers := range map[string][]string{
		"forename":   {"First Name", "FORENAME1", "given_name", "PERSON_GIVEN_NAME", "PatientForename", "forename_cen"},
		"surname":    {"Last Name", "SURNAME", "family_name", "PERSON_FAMILY_NAME", "LastName", "last_name_cen"},
		"birth_date": {"DOB", "Date of Birth", "PERSON_BIRTH_DATE", "Born", "birthdate", "date_of_birth"},
		"sex":        {"Gender", "SEX", "gender_code", "PERSON_GENDER_CODE", "Administrative Sex Code"},
		"postcode":   {"Post Code", "PCODE", "POSTCODE_OF_USUAL_ADDRESS", "Home Postcode", "postcode"},
		"nhs_number": {"NHS No", "NHSNO", "nhs_number", "NHS_NUMBER", "NHSNumber", "NHS No."},
	} {
		for _, h := range headers {
			if got := proposed(t, []string{"Reference", h, "Notes"}, nil)[field]; got != h {
				t.Errorf("%s: %q was not proposed, but %q", field, h, got)
			}
		}
	}
	for _, h := range []string{"GP Postcode", "Practice Name", "Date of Death", "Mother Surname", "Next of Kin Forename", "Registration Date", "Previous Surname",
		"Surname at Birth", "NHS Number Status", "Gender Identity", "Birthplace", "Town", "Notes", "Deceased", "Sexual Health Clinic", "School Postcode"} {
		for field, got := range proposed(t, []string{"Reference", h}, nil) {
			if got == h {
				t.Errorf("%q was proposed for %s", h, field)
			}
		}
	}
	got := proposed(t, []string{"ID", "BIRTH_DAY", "BIRTH_MONTH", "BIRTH_YEAR"}, nil)["birth_date"]
	if got != "BIRTH_DAY+BIRTH_MONTH+BIRTH_YEAR" {
		t.Errorf("a date in three columns: %q", got)
	}
}

func proposed(t *testing.T, header []string, rows [][]string) map[string]string {
	t.Helper()
	var samples []*sample
	for i, h := range header {
		samples = append(samples, newSample(h, i, rows))
	}
	out := map[string]string{}
	fields := standard()
	for i, p := range propose(samples, fields) {
		var names []string
		for _, c := range p.columns {
			names = append(names, header[c])
		}
		out[fields[i].Name] = strings.Join(names, "+")
	}
	return out
}

func standard() []Field {
	var out []Field
	for _, f := range StandardFields() {
		out = append(out, Field{Field: f})
	}
	return out
}

// number is a valid NHS number of the test range.
func number(i int) string {
	for k := 0; ; k++ { // at most a few of thirteen in a row have no check digit
		nine := fmt.Sprintf("999%06d", (i*13+k)%1000000)
		sum := 0
		for j := range 9 {
			sum += int(nine[j]-'0') * (10 - j)
		}
		if d := 11 - sum%11; d != 10 {
			return nine + fmt.Sprint(d%11)
		}
	}
}

// row is an invented record: reference, forename, surname, birth date, sex,
// postcode, NHS number.
func row(i int) []string {
	letters := func(n int) string {
		return string([]byte{byte('A' + n%26), byte('a' + n/26%26), byte('a' + n/676%26), 'o'})
	}
	return []string{
		fmt.Sprint("R", i), letters(i * 7), letters(i * 31), fmt.Sprintf("%02d/%02d/%d", 1+i%28, 1+i*5%12, 1925+i*11%95),
		[]string{"M", "F"}[i%2], fmt.Sprintf("RG%d %dXS", 1+i%9, i%10), number(i),
	}
}

// TestProposeByContent: columns with headers that say nothing are found by what
// they hold, unless two could be meant.
func TestProposeByContent(t *testing.T) {
	var rows [][]string
	for i := range 500 {
		rows = append(rows, row(i))
	}
	got := proposed(t, []string{"a", "b", "c", "d", "e", "f", "g"}, rows)
	want := map[string]string{"forename": "", "surname": "", "birth_date": "d", "sex": "e", "postcode": "f", "nhs_number": "g"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range rows {
		rows[i] = append(rows[i], row(i + 1)[5])
	}
	if got := proposed(t, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, rows)["postcode"]; got != "" {
		t.Errorf("of two columns of postcodes %q was taken", got)
	}
	// Numbers of ten digits that are no NHS numbers.
	for i := range rows {
		rows[i][6] = fmt.Sprint(7000000000 + i*104729)
	}
	if got := proposed(t, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, rows)["nhs_number"]; got != "" {
		t.Errorf("%q was taken for NHS numbers", got)
	}
	// Dates that are not of birth lie close together.
	for i := range rows {
		rows[i][3] = fmt.Sprintf("2023-%02d-%02d", 1+i%12, 1+i%28)
	}
	if got := proposed(t, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, rows)["birth_date"]; got != "" {
		t.Errorf("%q was taken for dates of birth", got)
	}
}

func names(rows [][]string) *Profiler {
	header := []string{"Ref", "Forename", "Surname", "DOB", "Sex", "Postcode", "NHS Number"}
	p, err := New(header, standard(), Options{})
	if err != nil {
		panic(err)
	}
	for i, r := range rows {
		p.Add(i+1, r)
	}
	return p
}

// TestTooLittleIsHashingsRule: a record is said to hold too little exactly when
// hashing would set it aside, for every combination of fields.
func TestTooLittleIsHashingsRule(t *testing.T) {
	key, err := passingKey("check")
	if err != nil {
		t.Fatal(err)
	}
	fields := StandardFields()
	h, err := hashing.NewHasher(hashing.Schema{Project: "check", Fields: fields, Filters: hashing.Plain(1024)}, key, []norm.Options{2: {Dates: "DD/MM/YYYY"}, 5: {}})
	if err != nil {
		t.Fatal(err)
	}
	w := h.Worker()
	filter := make([]uint64, h.Words())
	little := 0
	for mask := range 1 << len(fields) {
		p := names(nil)
		for i := range 100 { // so that the columns are known
			p.Add(i+1, row(i))
		}
		r := row(1000)
		for f := range fields {
			if mask>>f&1 == 0 {
				r[f+1] = ""
			}
		}
		p.Add(101, r)
		p.Report()
		want := 0
		if w.Hash(r[1:], filter).Unusable {
			want = 1
			little++
		}
		if p.groups[groupLittle] != want {
			t.Errorf("fields %06b: counted %d, hashing says %d", mask, p.groups[groupLittle], want)
		}
	}
	if little < 5 || little > 50 {
		t.Errorf("%d of 64 combinations are too little", little)
	}
}

// TestShiftFirstRow: wherever a shift begins, in whichever direction, with gaps
// and slips around it, the first row of it is named.
func TestShiftFirstRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(1, 380).Draw(t, "from")
		right := rapid.Bool().Draw(t, "right")
		gap := rapid.IntRange(2, 9).Draw(t, "gap")
		var rows [][]string
		for i := 1; i <= 400; i++ {
			r := append(row(i), "")
			if i%gap == 0 && i != from { // a record without its date
				r[3] = ""
			}
			if i >= from {
				if right {
					r = append([]string{r[0], ""}, r[1:len(r)-1]...)
				} else {
					r = append(r[1:], "")
				}
			}
			rows = append(rows, r)
		}
		header := []string{"Ref", "Forename", "Surname", "DOB", "Sex", "Postcode", "NHS Number", "Spare"}
		p, err := New(header, standard(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			p.Add(i+1, r)
		}
		p.Report()
		s, ok := p.shift.report()
		if !ok || s.first != from || s.right != right || !s.toEnd {
			t.Fatalf("from %d, right %v: %v %+v", from, right, ok, s)
		}
	})
}

// TestSoundIsNotShifted: ordinary faults, however many, are no shift.
func TestSoundIsNotShifted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spoil := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "unknown", "12", "see notes", "31/02/1950", "9990000000"}), 60, 60).Draw(t, "cells")
		p := names(nil)
		for i := 1; i <= 200; i++ {
			r := row(i)
			if c := spoil[i%len(spoil)]; c != "" {
				r[3+i%4] = c
			}
			p.Add(i, r)
		}
		p.Report()
		if s, ok := p.shift.report(); ok {
			t.Fatalf("found %+v", s)
		}
	})
}

func TestRepeats(t *testing.T) {
	var rows [][]string
	for i := range 300 {
		rows = append(rows, row(i))
	}
	for i := range 20 {
		rows = append(rows, row(i)) // cell for cell
	}
	for i := range 30 { // the same person under another reference, in other spelling
		r := row(50 + i)
		r[0], r[2] = "again", " "+strings.ToUpper(r[2])
		rows = append(rows, r)
	}
	for i := range 10 { // somebody else's number
		r := row(1000 + i)
		r[6] = row(100 + i)[6]
		rows = append(rows, r)
	}
	p := names(rows)
	r := p.Report()
	if p.repeats.rows != 20 || p.repeats.same != 50 || p.repeats.nhs != 60 || p.repeats.nhsOtherDate != 10 {
		t.Errorf("%+v", p.repeats)
	}
	if r.Repeats.Records.Text != "50" || r.Repeats.NHSOtherDates.Text != "10" {
		t.Errorf("%+v", r.Repeats)
	}
}

// TestDatesOfAColumn: what is said about dates that are declared wrongly or not at all.
func TestDatesOfAColumn(t *testing.T) {
	cases := []struct {
		form, declared string
		agreed         bool
		want           string
	}{
		{"%02[1]d/%02[2]d/%[3]d", "DD/MM/YYYY", true, ""},
		{"%02[1]d/%02[2]d/%[3]d", "MM/DD/YYYY", true, "dates-other-form"},
		{"%02[2]d/%02[1]d/%[3]d", "DD/MM/YYYY", true, "dates-other-form"},
		{"%[3]d-%02[2]d-%02[1]d", "DD/MM/YYYY", true, "dates-other-form"},
		{"%02[1]d/%02[2]d/%[3]d", "", true, "dates-undeclared"},
		{"%02[1]d/%02[2]d/%[3]d", "", false, ""},
		{"%[3]d-%02[2]d-%02[1]d", "YYYY-MM-DD", true, ""},
		{"%[3]d%02[2]d%02[1]d", "", false, ""},
	}
	for _, c := range cases {
		fields := standard()[2:3]
		fields[0].Columns, fields[0].Dates = []int{0}, c.declared
		if !c.agreed {
			fields[0].Columns = nil
		}
		p, err := New([]string{"DOB", "x"}, fields, Options{Agreed: c.agreed})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 400 {
			p.Add(i+1, []string{fmt.Sprintf(c.form, 1+i%28, 1+i*5%12, 1925+i*11%95), "1"})
		}
		got := ""
		for _, f := range p.Report().Findings {
			if strings.Contains(f.Code, "dates") {
				got += f.Code
			}
		}
		if got != c.want {
			t.Errorf("%s declared %q, agreed %v: %q, want %q", c.form, c.declared, c.agreed, got, c.want)
		}
	}
	// Nobody can tell which is the month: ask, never choose.
	fields := standard()[2:3]
	p, _ := New([]string{"DOB", "x"}, fields, Options{})
	for i := range 100 {
		p.Add(i+1, []string{fmt.Sprintf("%02d/%02d/1960", 1+i%12, 1+i*5%12), "1"})
	}
	r := p.Report()
	if r.Fields[0].Dates != "" || len(r.Findings) == 0 || r.Findings[0].Code != "day-month-unknown" {
		t.Errorf("ambiguous dates: form %q, %+v", r.Fields[0].Dates, r.Findings)
	}
}

func TestAbsentAndFewRows(t *testing.T) {
	p := names([][]string{row(1), row(2)})
	r := p.Report()
	if r.Rows != "fewer than 8" {
		t.Errorf("two rows: %q", r.Rows)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "null,\"share\":\"1") {
		t.Error("a hidden count has a share")
	}
	if names(nil).Report() == nil {
		t.Error("no report of no rows")
	}
	fields := standard()[1:2]
	fields[0].Absent = []string{"Nachname"}
	p, err = New([]string{"a", "b"}, fields, Options{Agreed: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Add(1, []string{"1", "2"})
	if f := p.Report().Findings; len(f) == 0 || f[0].Code != "column-absent" || !strings.Contains(f[0].Text, `"Nachname"`) {
		t.Errorf("%+v", f)
	}
}

// FuzzProfile: no header and no cells make it fail, and no cell comes back.
func FuzzProfile(f *testing.F) {
	f.Add("Forename,DOB", "Ann,1/2/1960\nBob,2.5E+03\nTotal,")
	f.Add("a,b,c", "\n,,\nx")
	f.Add("NHS Number,Postcode", "9434765919,RG1 1AA\nRG1 1AA,9434765919")
	f.Fuzz(func(t *testing.T, header, body string) {
		columns := strings.Split(header, ",")
		p, err := New(columns, standard(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(body) {
			cells := strings.Split(strings.TrimSuffix(line, "\n"), ",")
			n++
			if len(cells) != len(columns) {
				p.SetAside(n, "has another number of cells")
				continue
			}
			p.Add(n, cells)
		}
		r := p.Report()
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		r.Verdict()
	})
}

// shared is a folder of the linkage sets with truth, where they lie beside the
// checkout.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("COHORTLINK_SHARED")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "data", "people")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the shared linkage sets are not beside this checkout")
	}
	return dir
}

// TestSharedSets: in sets made by others, whose headers and errors nobody here
// chose, the names and the date of birth are found, and nothing is called shifted.
func TestSharedSets(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t), "*", "party_*.csv"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		rows := csv.NewReader(file)
		rows.FieldsPerRecord = -1
		header, err := rows.Read()
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(header, standard(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; ; i++ {
			cells, err := rows.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(cells) != len(header) {
				p.SetAside(i, "cannot be read")
				continue
			}
			p.Add(i, cells)
		}
		file.Close()
		set := filepath.Base(filepath.Dir(name)) + "/" + filepath.Base(name)
		r := p.Report()
		for _, f := range r.Fields[:2] {
			if f.Found == NotFound {
				t.Errorf("%s: %s was not found among %q", set, f.Name, header)
			}
		}
		// The mock census has no date of birth, only month and year.
		if r.Fields[2].Found == NotFound && !strings.HasPrefix(set, "ons") {
			t.Errorf("%s: no date of birth among %q", set, header)
		}
		for _, f := range r.Findings {
			if strings.HasPrefix(f.Code, "shifted") || f.Code == "wrong-column" && !strings.HasPrefix(set, "febrl") || f.Code == "last-row" {
				t.Errorf("%s: %s %s: %s", set, f.Code, f.Field, f.Text)
			}
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	var rows [][]string
	for i := range 5000 {
		rows = append(rows, row(i))
	}
	p := names(rows)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		p.Add(i+1, rows[i%len(rows)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
