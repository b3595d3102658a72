package norm

import (
	"testing"
	"unicode/utf8"
)

// FuzzValue holds the laws that no cell may break, for every kind and for dates under several forms.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		"", " ", "O'Brien", "Dr José Núñez-Smith OBE", "BABY OF ANN", "王 伟", "प्रिया", "31-p4-1994", "1961-04-03T00:00:00Z", "Apr  3 1961 12:00AM", "03APR1961",
		"22374.5", "RG4O 1XS", "ZZ99 3VZ", "943 476 5919", "9.43E+09", "+44 (0)20 7946 0958 ext 12", "1 Male", "Jos\xe9", "O´B", "α\u0301", "Α1\u0301", "ŉ", "ᄀ1ᅡ", "MC MC O BRIEN P MR", "\u0345", "É\u200dx",
	} {
		f.Add(seed)
	}
	var all []*Normaliser
	for _, kind := range Kinds() {
		forms := []string{"YYYYMMDD"}
		if kind == Date {
			forms = append(forms, "", "DD MM YYYY", "DD/MM/YY", "DDMMYYYY", "MM YYYY")
		}
		for _, form := range forms {
			all = append(all, must(f, kind, Options{Dates: form}))
		}
	}
	canonicalDate := must(f, Date, Options{Dates: "YYYYMMDD"})
	f.Fuzz(func(t *testing.T, cell string) {
		for _, n := range all {
			text, p := n.Value(cell)
			if p >= problems || text == "" && p == None {
				t.Fatalf("%s: %q, problem %d", n.kind, text, p)
			}
			if text == "" {
				continue
			}
			if !utf8.ValidString(text) {
				t.Fatalf("%s: %q is not UTF-8", n.kind, text)
			}
			again := n
			if n.kind == Date {
				again = canonicalDate
			}
			if twice, _ := again.Value(text); twice != text {
				t.Fatalf("%s: %q became %q", n.kind, text, twice)
			}
			if n.kind == Name || n.kind == Text {
				checkWords(t, text, n.kind == Text)
			}
		}
		var column DateColumn
		column.Add(cell)
		r := column.Report()
		if r.Cells != 1 || r.Empty+r.BestCells+r.Serial+r.Scientific+r.Default+r.Unreadable == 0 {
			t.Fatalf("the cell was counted nowhere: %+v", r)
		}
	})
}

// FuzzDateForm: a form that is accepted reads what it describes, and none makes reading fail.
func FuzzDateForm(f *testing.F) {
	for _, form := range append(DateForms(), "DD-MON-YYYY", "yyyy-mm-ddThh:mm", "MM YYYY", "DDMMMYY", "YYYY", "D/M/YY", "--", "DDDD") {
		f.Add(form, "03/04/1961")
	}
	f.Fuzz(func(t *testing.T, form, cell string) {
		n, err := New(Date, Options{Dates: form})
		if err != nil {
			return
		}
		if text, p := n.Value(cell); text == "" && p == None || text != "" && !isPartialDate(text) && !(len(text) == 8 && allDigits(text)) {
			t.Fatalf("form %q, cell %q: %q, %s", form, cell, text, p)
		}
	})
}
