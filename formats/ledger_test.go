package formats

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sampleLedger is a ledger of two releases and a cohort.
func sampleLedger(t failer) *Ledger {
	l, err := NewLedger("frailty")
	if err != nil {
		t.Fatal(err)
	}
	n := 120
	for _, e := range []LedgerEntry{
		{Kind: LedgerRelease, Made: "2026-11-22", Linkage: strings.Repeat("ab", 32), Rule: LedgerRule{"hes", 8, 5, false}, Parties: []string{"council", "gp"},
			Questions: []LedgerQuestion{}, Given: []LedgerGiven{}, Figures: []LedgerFigure{{Table: "people", Count: &n}, {Table: "party", Parties: []string{"gp"}}}},
		{Kind: LedgerRelease, Made: "2026-11-23", Rule: LedgerRule{"custom", 3, 1, false}, Accepted: "asked by the board", Parties: []string{"council", "gp"},
			Questions: []LedgerQuestion{{"", "parties>=2", "needs"}}, Given: []LedgerGiven{},
			Figures: []LedgerFigure{{Table: "question", Where: "parties>=2", Needs: []needJSON{{"age_band", "65+"}}, Count: &n}}},
		{Kind: LedgerCohort, Rule: LedgerRule{"hes", 8, 5, false}, Given: []LedgerGiven{{"gp", "parties>=2", 118}}},
	} {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestLedgerRoundTrip(t *testing.T) {
	l := sampleLedger(t)
	again, err := ParseLedger("x.ledger", l.Text())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Text(), l.Text()) || again.Project != "frailty" || len(again.Entries) != 3 {
		t.Errorf("read back as %+v", again)
	}
	e := again.Entries[1]
	e.Made = "2027-01-01"
	e.Number, e.Previous = 0, ""
	if n := again.Same(e); n != 2 {
		t.Errorf("the same release on another day is known as %d, want 2", n)
	}
	e.Rule.Base = 5
	if n := again.Same(e); n != 0 {
		t.Errorf("another rule's release is known as %d", n)
	}
	earlier := again.Earlier(strings.Repeat("ab", 32))
	if len(earlier) != 3 || !earlier[0].Same || earlier[1].Same || !earlier[0].Figures[1].Hidden || earlier[0].Figures[0].Count != 120 || earlier[2].Given[0].Count != 118 {
		t.Errorf("what readers know came out as %+v", earlier)
	}
}

// Whatever byte of a ledger is changed, and whatever line is taken out, doubled or moved, it is noticed, but for
// lines cut off at the end: those the mark in the linked folder misses.
func TestLedgerChain(t *testing.T) {
	l := sampleLedger(t)
	text := l.Text()
	for i := range text {
		for _, flip := range []byte{1, 0x20} {
			bad := bytes.Clone(text)
			bad[i] ^= flip
			again, err := ParseLedger("x.ledger", bad)
			if err == nil && again.Has(l.Mark()) {
				t.Fatalf("byte %d changed by %x: not noticed", i, flip)
			}
		}
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	lines[3] += "\n"
	for name, bad := range map[string][]string{
		"one taken out":   {lines[0], lines[2], lines[3]},
		"one doubled":     {lines[0], lines[1], lines[1], lines[2], lines[3]},
		"two exchanged":   {lines[0], lines[2], lines[1], lines[3]},
		"no head":         {lines[1], lines[2], lines[3]},
		"nothing":         {},
		"cut in a line":   {lines[0], lines[1][:40]},
		"a blank line":    {lines[0], "\n", lines[1]},
		"other spelling":  {lines[0], strings.Replace(lines[1], `"number":1`, `"number": 1`, 1)},
		"unknown setting": {lines[0], strings.Replace(lines[1], `{"number":1`, `{"no":1,"number":1`, 1)},
	} {
		if _, err := ParseLedger("x.ledger", []byte(strings.Join(bad, ""))); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	short, err := ParseLedger("x.ledger", []byte(lines[0]+lines[1]))
	if err != nil {
		t.Fatal(err)
	}
	if short.Has(l.Mark()) || !short.Has(short.Mark()) || !l.Has(short.Mark()) || !short.Has(LedgerMark{}) {
		t.Error("the mark does not tell a ledger that was cut off")
	}
}

func TestLedgerMark(t *testing.T) {
	dir := t.TempDir()
	if m, err := ReadLedgerMark(dir); err != nil || m.Number != 0 {
		t.Errorf("a folder without a mark: %v, %v", m, err)
	}
	want := sampleLedger(t).Mark()
	path := filepath.Join(dir, LedgerMarkFile)
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{string(want.Text()), true},
		{string(want.Text()) + "\n", false},
		{"", false},
		{fmt.Sprintf("%s\n0 %s\n", ledgerMarkHead, want.Digest), false},
		{fmt.Sprintf("%s\n3 %s\n", ledgerMarkHead, want.Digest[:63]), false},
		{fmt.Sprintf("%s\n03 %s\n", ledgerMarkHead, want.Digest), false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := ReadLedgerMark(dir); (err == nil) != c.ok || c.ok && m != want {
			t.Errorf("%q: %v, %v", c.text, m, err)
		}
	}
}

func TestReadLedgerThatIsNotThere(t *testing.T) {
	if _, err := ReadLedger(filepath.Join(t.TempDir(), "x.ledger")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzLedger(f *testing.F) {
	text := sampleLedger(f).Text()
	f.Add(text)
	f.Add(text[:bytes.IndexByte(text, '\n')+1])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLedger("x.ledger", data)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Text(), data) {
			t.Error("a ledger that is read has another text")
		}
		l.Earlier("")
	})
}

// What a release tells its readers is what the ledger remembers of it.
func TestLedgerEntryOfRelease(t *testing.T) {
	marks := 0
	for _, n := range []int{3, 7} {
		rel := sampleRelease(t, n, plainNames)
		l, err := NewLedger("frailty")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(EntryOf(rel)); err != nil {
			t.Fatal(err)
		}
		l, err = ParseLedger("x.ledger", l.Text())
		if err != nil {
			t.Fatal(err)
		}
		if l.Same(EntryOf(rel)) != 1 {
			t.Error("the same release is not known again")
		}
		e := l.Earlier("")[0]
		rows, hidden := rel.Rows(), 0
		for i, f := range e.Figures {
			if i >= len(rows) {
				if !f.HeldBack {
					t.Errorf("figure %d is not of the release, nor held back from it", i)
				}
				continue
			}
			v, shown := rows[i].Figure.Value()
			if f.Hidden == shown || f.Count != v || f.Table != rows[i].Table || f.Where != rows[i].Where || (l.Entries[0].Figures[i].Why != "") == shown {
				t.Errorf("figure %d: %+v of %+v", i, f, rows[i])
			}
			if f.Hidden {
				hidden++
			}
		}
		if hidden != rel.Hidden() || e.Told != rel.Audit().Told || e.Rule.Least != 8 {
			t.Errorf("%d hidden of %d: %+v", hidden, rel.Hidden(), e.Rule)
		}
		marks += hidden
	}
	if marks == 0 {
		t.Error("no release hid anything")
	}
}

// A batch more is another linkage, though the counts are as they were.
func TestLinkageNamesBatches(t *testing.T) {
	one := &LinkedManifest{Project: "p", Persons: 5, Records: 9, Parties: []LinkedParty{{Name: "a", Run: "1", Batches: []LinkedBatch{{Run: "2"}}}}}
	other := *one
	other.Parties = []LinkedParty{{Name: "a", Run: "1", Batches: []LinkedBatch{{Run: "3"}}}}
	if one.Linkage() == other.Linkage() {
		t.Error("two linkages have one name")
	}
}

// Releases with noise are written down with what they took, come out again as they were
// drawn, and are no certain knowledge of anybody.
func TestLedgerNoise(t *testing.T) {
	l := sampleLedger(t)
	n := 115
	e := LedgerEntry{Kind: LedgerRelease, Linkage: strings.Repeat("cd", 32), Rule: LedgerRule{"hes", 8, 5, false}, Parties: []string{"council", "gp"},
		Questions: []LedgerQuestion{{"", "parties>=2", ""}}, Given: []LedgerGiven{}, Noise: &LedgerNoise{"0.5", "2", 12},
		Figures: []LedgerFigure{{Table: "people", Count: &n}, {Table: "party", Parties: []string{"gp"}}}}
	if err := l.Append(e); err != nil {
		t.Fatal(err)
	}
	e.Noise, e.Linkage = &LedgerNoise{"0.25", "1.75", 0}, strings.Repeat("ef", 32)
	if err := l.Append(e); err != nil {
		t.Fatal(err)
	}
	again, err := ParseLedger("x.ledger", l.Text())
	if err != nil {
		t.Fatal(err)
	}
	if spent, budget := again.Spent(5); spent != 750 || budget != 1750 {
		t.Errorf("%s of %s is spent", spent, budget)
	}
	if spent, budget := again.Spent(4); spent != 500 || budget != 2000 {
		t.Errorf("after the fourth %s of %s is spent", spent, budget)
	}
	if with, without := again.Noisy(5); with != 2 || without != 3 {
		t.Errorf("%d with and %d without noise", with, without)
	}
	if got := len(again.Earlier(e.Linkage)); got != 3 {
		t.Errorf("%d releases are known for certain, want those without noise", got)
	}
	number, figures, _ := again.Drawn(&e)
	if number != 5 || len(figures) != 2 || figures[0].Count != 115 || figures[0].Hidden || !figures[1].Hidden || figures[1].Parties[0] != "gp" {
		t.Errorf("release %d was drawn before, with %+v", number, figures)
	}
	for name, change := range map[string]func(e *LedgerEntry){
		"another linkage":  func(e *LedgerEntry) { e.Linkage = strings.Repeat("01", 32) },
		"another rule":     func(e *LedgerEntry) { e.Rule.Base = 10 },
		"another epsilon":  func(e *LedgerEntry) { e.Noise = &LedgerNoise{"0.3", "1.75", 0} },
		"another question": func(e *LedgerEntry) { e.Questions = []LedgerQuestion{{"", "parties>=2", "needs"}} },
		"no question":      func(e *LedgerEntry) { e.Questions = nil },
		"another order":    func(e *LedgerEntry) { e.Parties = []string{"gp", "council"} },
		"a cohort":         func(e *LedgerEntry) { e.Kind = LedgerCohort },
	} {
		other := e
		change(&other)
		if number, _, _ := again.Drawn(&other); number != 0 {
			t.Errorf("%s is known as release %d", name, number)
		}
	}
	for _, bad := range []LedgerNoise{{"0.50", "2", 0}, {"", "2", 0}, {"0.5", "", 0}, {"0", "2", 0}, {"-1", "2", 0}, {"0.5", "11", 0}, {"0.5", "2", -1}} {
		e.Noise = &bad
		if err := l.Append(e); err == nil {
			t.Errorf("noise of %+v was written down", bad)
		}
	}
}
