package formats

// unit.seen: the filters that a unit has linked, so that it knows one that comes again.
//
// A seal and a signature stay good for ever. Whoever keeps a copy of a file that a party sent last year can send it once more, and
// the unit would link people whom the party has since left out. So the unit notes each run that it links, one line each, and refuses a
// file whose party has a newer one in the list. The same file again is no replay: linking twice is how a threshold is tried.
//
// The file is the unit's own memory and nothing secret. Without it a replay cannot be told from a first sending.

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	seenHeader = "project,party,run,filters,created"
	maxSeen    = 16 << 20 // bytes: some 100,000 lines
)

// Seen is the content of a unit.seen file, in the order in which runs were first linked.
type Seen struct {
	name string
	runs []seenRun
}

// seenRun is a line. All but created are as in the header of the filters file.
type seenRun struct {
	project, party, run string
	filters             string // SHA-256 at the end of the file, in hexadecimal
	created             string // the date that the party gave; "" when it gave none
}

func (r *seenRun) line() string {
	return strings.Join([]string{r.project, r.party, r.run, r.filters, r.created}, ",")
}

// ReadSeen reads what the unit has linked so far. A file that is not there yet is one in which nothing is.
func ReadSeen(path string) (*Seen, error) {
	data, err := readSmall(path, maxSeen)
	if errors.Is(err, os.ErrNotExist) {
		return &Seen{name: shownPath(path)}, nil
	} else if err != nil {
		return nil, err
	}
	return ParseSeen(path, data)
}

// ParseSeen is ReadSeen for bytes from anywhere; name stands in errors.
func ParseSeen(name string, data []byte) (*Seen, error) {
	s := &Seen{name: shownPath(name)}
	lines := newLineReader(name, "list of linked runs", bytes.NewReader(data))
	if _, err := lines.header(seenHeader); err != nil {
		return nil, err
	}
	known := map[seenRun]bool{}
	for lines.next() {
		cells := strings.Split(lines.text, ",")
		if len(cells) != 5 {
			return nil, lines.errorf("it has %d cells, not 5", len(cells))
		}
		r := seenRun{cells[0], cells[1], cells[2], cells[3], cells[4]}
		if CheckName("project", r.project) != nil || CheckName("party", r.party) != nil || !isHex(r.run, 32) || !isHex(r.filters, 64) || r.created != "" && !isISODate(r.created) {
			return nil, lines.errorf("a cell is not as it should be")
		}
		key := seenRun{project: r.project, party: r.party, run: r.run}
		if known[key] {
			return nil, lines.errorf("the run is there twice")
		}
		known[key] = true
		s.runs = append(s.runs, r)
	}
	return s, lines.err
}

// Text is the file.
func (s *Seen) Text() []byte {
	var b strings.Builder
	b.WriteString(seenHeader + "\n")
	for i := range s.runs {
		b.WriteString(s.runs[i].line() + "\n")
	}
	return []byte(b.String())
}

// ErrReplayed is in the error for a file that a newer one of its party has replaced.
var ErrReplayed = errors.New("replaced by a newer file")

// Check refuses a file that has been replaced by a newer one of its party, and one that bears the run id of another.
func (s *Seen) Check(f *FiltersFile) error {
	r := seenOf(f)
	at, last := -1, -1
	for i, known := range s.runs {
		if known.project != r.project || known.party != r.party {
			continue
		}
		last = i
		if known.run == r.run {
			at = i
		}
	}
	name := shownPath(f.Name)
	replaced := func(last seenRun) error {
		when := fmt.Sprintf("party %q hashed it on %s, and a file that it hashed on %s is in %s", r.party, dateOr(r.created), dateOr(last.created), s.name)
		if r.created == last.created {
			when = fmt.Sprintf("party %q hashed both on %s, and %s has the other as the later one (run %s)", r.party, dateOr(r.created), s.name, last.run)
		}
		return fmt.Errorf("%s was %w: %s", name, ErrReplayed, when)
	}
	switch {
	case at >= 0 && s.runs[at].filters != r.filters:
		return fmt.Errorf("%s has the run id of another file of party %q that was linked before, and other content: ask the party which is right, and to hash again", name, r.party)
	case at >= 0 && at < last, at < 0 && last >= 0 && r.created != "" && r.created < s.runs[last].created:
		return replaced(s.runs[last])
	}
	return nil
}

func dateOr(date string) string {
	if date == "" {
		return "an unknown day"
	}
	return date
}

// Add notes that a file has been linked. One that is noted already stays where it is.
func (s *Seen) Add(f *FiltersFile) {
	r := seenOf(f)
	for _, known := range s.runs {
		if known.project == r.project && known.party == r.party && known.run == r.run {
			return
		}
	}
	s.runs = append(s.runs, r)
}

func seenOf(f *FiltersFile) seenRun {
	return seenRun{f.Header.Project, f.Header.Party, f.Header.Run, hex.EncodeToString(f.Digest[:]), f.Manifest.Created}
}
