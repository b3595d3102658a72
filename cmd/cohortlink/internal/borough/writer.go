package borough

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Rows come household by household, and must leave shuffled, or the order of rows would tell who belongs together. To shuffle without
// holding an extract in memory, each row gets a random sort key and goes into one of a party's drawers by the key's first bits; drawers that
// fill are spilled to one file a party; at the end each drawer is sorted by key and written. The order depends on the keys alone.

// writer puts households into the files of a folder.
type writer struct {
	dir     string
	parties []party
	drawers []drawers // by party
	truth   *output
	events  *output
	homes   *output // nil without addresses
	sum     Summary
}

func newWriter(dir string, s *Settings, ps []party) (*writer, error) {
	w := &writer{dir: dir, parties: ps, drawers: make([]drawers, len(ps))}
	for i := range ps {
		w.drawers[i].spill = filepath.Join(dir, fmt.Sprintf(".spill-%d", i))
	}
	w.sum = Summary{InParties: make([]int, len(ps)+1), Needs: needKinds, Fields: fieldsOf(s), TruthFile: "truth.csv", EventsFile: "events.csv"}
	var err error
	if w.truth, err = create(filepath.Join(dir, w.sum.TruthFile)); err != nil {
		return nil, err
	}
	if w.events, err = create(filepath.Join(dir, w.sum.EventsFile)); err != nil {
		w.truth.close()
		return nil, err
	}
	if s.Addresses != nil {
		w.sum.HouseholdsFile = "households.csv"
		if w.homes, err = create(filepath.Join(dir, w.sum.HouseholdsFile)); err != nil {
			w.close()
			return nil, err
		}
		w.homes.WriteString("entity,household\n")
	}
	w.truth.WriteString("entity,party,rid,household,sex,birth_year,age_band,ethnic_group,deprivation,twin\n")
	w.events.WriteString("party,rid,causes\n")
	return w, nil
}

// household takes one household and its records.
func (w *writer) household(d *drawn) error {
	w.sum.Households++
	w.sum.People += len(d.people)
	var line []byte
	inParties := make([]int, len(d.people))
	for i, recs := range d.records {
		pt := &w.parties[i]
		var last *person
		for k := range recs {
			rec := &recs[k]
			n := w.drawers[i].rows
			rid := pt.ridText(n)
			line = append(line[:0], rid...)
			if err := w.drawers[i].add(pt.order(n), pt.row(line, rec)); err != nil {
				return err
			}
			if rec.person != last {
				last = rec.person
				inParties[last.number-d.people[0].number]++
			}
			w.writeTruth(pt, rid, rec, w.sum.Households)
			if rec.causes != 0 {
				fmt.Fprintf(w.events, "%s,%s,%s\n", pt.name, rid, rec.causes)
			}
		}
		w.sum.Records += len(recs)
	}
	for i := range d.people {
		w.sum.InParties[inParties[i]]++
		if w.homes != nil {
			fmt.Fprintf(w.homes, "e%07d,h%07d\n", d.people[i].number+1, w.sum.Households)
		}
		if d.people[i].twin {
			w.sum.Twins++
		}
	}
	return nil
}

// writeTruth writes a record's line of the truth file. Who the person is stands there as of today, not as the record has it.
func (w *writer) writeTruth(pt *party, rid string, rec *record, household int) {
	q := rec.person
	b := w.truth.AvailableBuffer()
	b = fmt.Appendf(b, "e%07d,%s,%s,h%07d,%c,%d,%s,%c,%d,", q.number+1, pt.name, rid, household, q.sex, q.birth.date().y, ageBand(q.ageNow), q.ethnic, q.quintile)
	if q.twin {
		b = append(b, "yes\n"...)
	} else {
		b = append(b, "no\n"...)
	}
	w.truth.Write(b)
}

// finish sorts and writes the extracts and returns what was made.
func (w *writer) finish() (Summary, error) {
	for _, o := range w.tables() {
		if err := o.close(); err != nil {
			return Summary{}, err
		}
	}
	for i := range w.parties {
		pt := &w.parties[i]
		if err := os.Mkdir(filepath.Join(w.dir, pt.name), 0o777); err != nil {
			return Summary{}, err
		}
		file := pt.name + "/extract.csv"
		o, err := create(filepath.Join(w.dir, filepath.FromSlash(file)))
		if err != nil {
			return Summary{}, err
		}
		o.Write(pt.header())
		err = w.drawers[i].emit(o)
		if cerr := o.close(); err == nil {
			err = cerr
		}
		if err != nil {
			return Summary{}, err
		}
		w.sum.Parties = append(w.sum.Parties, pt.facts(file, int(w.drawers[i].rows)))
	}
	return w.sum, nil
}

// tables are the files about all parties.
func (w *writer) tables() []*output {
	out := []*output{w.truth, w.events}
	if w.homes != nil {
		out = append(out, w.homes)
	}
	return out
}

// close lets go of every file that is still open.
func (w *writer) close() {
	for _, o := range w.tables() {
		o.close()
	}
	for i := range w.drawers {
		w.drawers[i].close()
	}
}

// facts is what a caller may know of the party.
func (pt *party) facts(file string, rows int) Party {
	encoding := "utf-8"
	if pt.style.legacy {
		encoding = "windows-1252"
	}
	var needNames []string
	for _, n := range needKinds {
		needNames = append(needNames, n.Name)
	}
	return Party{
		Name: pt.name, Kind: [...]string{"council", "ccg", "gp"}[pt.kind], File: file, RIDColumn: pt.style.rid,
		Columns: pt.style.columnMap(append(fields[:len(fields):len(fields)], colAddress, colUPRN)), Needs: pt.style.columnMap(needNames), Dates: pt.style.dates, Delimiter: string(rune(pt.style.delimiter)),
		TextEncoding: encoding, Deduplicated: pt.rates.Duplicate == 0, Snapshot: time.Unix(int64(pt.taken)*86400, 0).UTC().Format(time.DateOnly), Rows: rows,
	}
}

// output is a buffered file that remembers its first error.
type output struct {
	*bufio.Writer
	f      *os.File
	closed bool
	err    error
}

func create(path string) (*output, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &output{Writer: bufio.NewWriterSize(f, 1<<16), f: f}, nil
}

// close flushes and closes; a second time it returns what the first did.
func (o *output) close() error {
	if !o.closed {
		o.closed = true
		o.err = o.Flush()
		if err := o.f.Close(); o.err == nil {
			o.err = err
		}
	}
	return o.err
}

const (
	drawerBits  = 5       // 32 drawers a party: a drawer of half a million rows is 2 MB
	drawerBytes = 1 << 14 // what a drawer holds before it is spilled
)

// drawers shuffles one party's rows.
type drawers struct {
	rows  uint32
	held  [1 << drawerBits][]byte
	runs  [1 << drawerBits][]span // where spilled parts of a drawer lie
	spill string                  // path of the spill file, made when first needed
	f     *os.File
	at    int64
}

type span struct {
	at   int64
	size int
}

// add puts a row away under its key: key, length, bytes.
func (d *drawers) add(key uint64, row []byte) error {
	i := key >> (64 - drawerBits)
	b := binary.BigEndian.AppendUint64(d.held[i], key)
	b = binary.BigEndian.AppendUint32(b, uint32(len(row)))
	d.held[i] = append(b, row...)
	d.rows++
	if len(d.held[i]) < drawerBytes {
		return nil
	}
	if d.f == nil {
		f, err := os.OpenFile(d.spill, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		d.f = f
	}
	if _, err := d.f.Write(d.held[i]); err != nil {
		return err
	}
	d.runs[i] = append(d.runs[i], span{d.at, len(d.held[i])})
	d.at += int64(len(d.held[i]))
	d.held[i] = d.held[i][:0]
	return nil
}

// emit writes all rows in the order of their keys.
func (d *drawers) emit(w io.Writer) error {
	type entry struct {
		key uint64
		row []byte
	}
	for i := range d.held {
		var all []byte
		for _, s := range d.runs[i] {
			n := len(all)
			all = append(all, make([]byte, s.size)...)
			if _, err := d.f.ReadAt(all[n:], s.at); err != nil {
				return err
			}
		}
		all = append(all, d.held[i]...)
		var entries []entry
		for len(all) > 0 {
			end := 12 + binary.BigEndian.Uint32(all[8:])
			entries = append(entries, entry{binary.BigEndian.Uint64(all), all[12:end]})
			all = all[end:]
		}
		slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
		for _, e := range entries {
			if _, err := w.Write(e.row); err != nil {
				return err
			}
		}
	}
	return d.close()
}

func (d *drawers) close() error {
	if d.f == nil {
		return nil
	}
	err := d.f.Close()
	if rerr := os.Remove(d.spill); err == nil {
		err = rerr
	}
	d.f = nil
	return err
}
