// Package borough invents a borough: people in households, fifteen parties that each know some of them, and extracts with the errors that
// real ones have, together with the truth about who is who. It knows nothing of hashing or linking, and nothing it writes is about a real
// person: NHS numbers lie in the test range, postcodes in areas that do not exist.
//
// People are drawn household by household from published distributions: household composition, ages and ethnic groups of one English
// borough (Census 2021), forenames by sex and year of birth, surnames by frequency, both together by naming culture. Each person has a past:
// addresses, a change of surname, the practices they were with. A party's extract is what it had last taken down about its people at the day
// of its snapshot, with the party's errors, in the party's own form.
//
// Who is in which extract. A resident has one practice (3 % have none); about one in twenty is still on a former practice's list as well, and
// one in twenty on a list lives outside the borough. The CCG holds registered people with hospital activity in its window, about 80 %. The
// council's index holds about 60 % of residents, more of children and the old and nearly everyone with a social care or housing need
// (CouncilIndex says why; two other extracts can be asked for). So of the people whom any party knows, some 85 % are in two to four of the
// fifteen parties, and no one is in all. Some one in twelve of those invented is in none: they came after the snapshots, or have no practice.
//
// Twins share date of birth, surname and home; some sons bear their father's name; strangers share a name and a date of birth by chance as
// they do in life. What a person's records differ in, and why, is in events.csv.
package borough

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Summary is what a caller needs to know about a borough that was written: enough to make a project file, and to tell the story.
type Summary struct {
	Settings   string // their name
	Seed       uint64
	AsOf       string // YYYY-MM-DD
	People     int    // people invented, whether or not any party knows them
	Households int
	Records    int
	InParties  []int // InParties[k]: people found in exactly k parties; k from 0 to the number of parties
	Twins      int   // people who are one of twins
	Parties    []Party
	Needs      []Need
	Fields     []string // the project's fields, in order
	TruthFile  string   // relative to the folder, as all files here
	EventsFile string
	// HouseholdsFile has the household of each person; "" without Settings.Addresses.
	HouseholdsFile string `json:",omitempty"`
}

// Party is one partner's extract.
type Party struct {
	Name         string
	Kind         string              // "council", "ccg" or "gp"
	File         string              // relative to the folder, with slashes
	RIDColumn    string              // header of the record number column, the rid of the truth file
	Columns      map[string][]string // field to the party's own headers; a field that is absent is one the party lacks
	Needs        map[string][]string // need to the party's own header
	Dates        string              // form of dates: "DD/MM/YYYY", "YYYY-MM-DD", "YYYYMMDD", "D MMM YYYY" or "DD MM YYYY"
	Delimiter    string              // one character
	TextEncoding string              // "utf-8" or "windows-1252"
	Deduplicated bool                // no person is in it twice
	Snapshot     string              // YYYY-MM-DD
	Rows         int
}

// Generate writes a borough into dir: PARTY/extract.csv for each party; truth.csv (entity, party, rid, then household, sex, birth_year,
// age_band, ethnic_group, deprivation and twin, all of the person as of Settings.AsOf); events.csv (party, rid, causes: the words of causeNames
// with spaces between, a line for each record that differs from the person's current facts, or is a twin's or a junior's). The folder is made if need be; nothing in it
// is overwritten, and nothing appears in it before all is written. The same settings give the same bytes, whatever the machine.
//
// progress, if not nil, is called now and then from the calling goroutine with the number of people drawn and wanted;
// an error from it ends the work, and nothing is left of it.
// Memory does not grow with the number of people but for the list of NHS numbers (4 MB) and half a megabyte a party.
func Generate(dir string, s Settings, progress func(done, total int) error) (Summary, error) {
	if err := s.check(); err != nil {
		return Summary{}, fmt.Errorf("borough settings: %w", err)
	}
	f, err := newFolk(&s)
	if err != nil {
		return Summary{}, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return Summary{}, err
	}
	tmp, err := os.MkdirTemp(dir, ".borough-")
	if err != nil {
		return Summary{}, err
	}
	defer os.RemoveAll(tmp)
	ps := parties(&s)
	w, err := newWriter(tmp, &s, ps)
	if err != nil {
		return Summary{}, err
	}
	defer w.close()
	if err := f.draw(ps, w.household, progress); err != nil {
		return Summary{}, err
	}
	sum, err := w.finish()
	if err != nil {
		return Summary{}, err
	}
	if err := moveInto(dir, tmp); err != nil {
		return Summary{}, err
	}
	sum.Settings, sum.Seed, sum.AsOf = s.Name, s.Seed, s.AsOf.Format(time.DateOnly)
	return sum, nil
}

func newFolk(s *Settings) (*folk, error) {
	names, err := loadNames()
	if err != nil {
		return nil, err
	}
	return &folk{s: s, names: names, streets: newStreets(s), numbers: nhsBodies(s.Seed), today: dayOf(s.AsOf)}, nil
}

// moveInto moves what tmp holds into dir, if dir has nothing of those names.
func moveInto(dir, tmp string) error {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(dir, e.Name())); err == nil {
			return fmt.Errorf("%s already exists: choose an empty folder", filepath.Join(dir, e.Name()))
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(tmp, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// drawn is one household and what each party's extract holds of it.
type drawn struct {
	people  []person
	records [][]record // by party
}

// draw invents households until there are enough people and hands each to take, in order. Runs of households are drawn in parallel; since
// each has random numbers of its own, the number of workers changes nothing.
func (f *folk) draw(ps []party, take func(*drawn) error, progress func(done, total int) error) error {
	const run = 256 // households
	type job struct {
		first int // household
		plans []plan
		base  int // number of the first person
		done  chan []drawn
	}
	workers := runtime.GOMAXPROCS(0)
	jobs, order, stop := make(chan job), make(chan job, 2*workers), make(chan struct{})
	defer close(stop)
	go func() { // plans alone tell how many people come before a household
		defer close(jobs)
		defer close(order)
		for first, people := 0, 0; people < f.s.People; first += run {
			j := job{first: first, base: people, done: make(chan []drawn, 1)}
			for h := first; h < first+run && people < f.s.People; h++ {
				p := planHousehold(f.s, h)
				j.plans = append(j.plans, p)
				people += p.size()
			}
			select {
			case order <- j:
			case <-stop:
				return
			}
			select {
			case jobs <- j:
			case <-stop:
				return
			}
		}
	}()
	for range workers {
		go func() {
			for j := range jobs {
				out := make([]drawn, 0, len(j.plans))
				number := j.base
				for i, p := range j.plans {
					out = append(out, f.drawHousehold(ps, j.first+i, p, number))
					number += p.size()
				}
				j.done <- out
			}
		}()
	}
	people := 0
	for j := range order {
		for _, d := range <-j.done {
			people += len(d.people)
			if err := take(&d); err != nil {
				return err
			}
		}
		if progress != nil {
			if err := progress(min(people, f.s.People), f.s.People); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *folk) drawHousehold(ps []party, h int, p plan, number int) drawn {
	d := drawn{people: f.household(h, p, number), records: make([][]record, len(ps))}
	for i := range ps {
		for k := range d.people {
			d.records[i] = f.entries(d.records[i], &ps[i], &d.people[k], d.people)
		}
	}
	return d
}
