package profile

import "cohortlink/hashing/norm"

// A shift: from some row on, cells stand one column to the right or left of
// where they belong, because a delimiter was lost or made in one cell and someone
// pulled the sheet straight. No cell is impossible by itself, and the rows have
// the right length.
//
// What gives it away: the cell in a field's own column is no value of its kind,
// and the one beside it is. One row like that is a slip. Many in a run are a
// shift, and the run begins where the file was damaged.
type shift struct {
	fields []shiftField
	// For each direction the run of rows with the greatest excess of shifted rows
	// over straight ones (Bentley 1984, "Programming Pearls": largest sum of
	// consecutive terms), found as the rows go by. A record with an empty field
	// in the middle of a run does not end it.
	runs    [2]run
	decided int // last row that spoke either way
}

type shiftField struct {
	column int
	kind   norm.Kind
	norm   *norm.Normaliser
	beside [2]bool // whether the neighbour is a place where such a value would be strange
}

type run struct {
	first, sum                int // of the run that is being followed
	bestFirst, bestLast, best int
	rows, firstEver           int
}

var directions = [2]int{+1, -1}

// newShift looks only at columns whose kind has a shape of its own, and not
// towards a neighbour that usually holds the same kind (a former postcode).
func newShift(fields []*fieldState, samples []*sample, rows [][]string) *shift {
	s := &shift{}
	for _, f := range fields {
		switch f.Kind {
		case norm.NHSNumber, norm.Postcode, norm.Date, norm.Sex:
		default:
			continue
		}
		if len(f.columns) != 1 {
			continue
		}
		sf := shiftField{column: f.columns[0], kind: f.Kind, norm: f.norm}
		for i, d := range directions {
			at := sf.column + d
			if at < 0 || at >= len(samples) {
				continue
			}
			own, both := 0, 0
			for _, row := range rows {
				if shaped(sf.kind, sf.norm, row[sf.column]) {
					own++
					if shaped(sf.kind, sf.norm, row[at]) {
						both++
					}
				}
			}
			sf.beside[i] = both*5 <= own
		}
		s.fields = append(s.fields, sf)
	}
	return s
}

func (s *shift) add(row int, cells []string) {
	straight := false
	var moved [2]bool
	for i := range s.fields {
		f := &s.fields[i]
		own := cells[f.column]
		switch {
		case shaped(f.kind, f.norm, own):
			straight = straight || f.kind != norm.Sex
			continue
		case f.kind == norm.Sex: // one letter or digit beside another says too little
			continue
		}
		if _, p := f.norm.Value(own); p == norm.Empty || p == norm.Placeholder || p == norm.DefaultDate {
			continue
		}
		for j, d := range directions {
			moved[j] = moved[j] || f.beside[j] && shaped(f.kind, f.norm, cells[f.column+d])
		}
	}
	if !straight && !moved[0] && !moved[1] {
		return
	}
	s.decided = row
	for j := range directions {
		s.runs[j].add(row, moved[j])
	}
}

func (r *run) add(row int, moved bool) {
	if moved {
		if r.sum == 0 {
			r.first = row
		}
		r.sum++
		if r.rows++; r.rows == 1 {
			r.firstEver = row
		}
		if r.sum > r.best {
			r.best, r.bestFirst, r.bestLast = r.sum, r.first, row
		}
		return
	}
	r.sum = max(0, r.sum-1)
}

// A shiftReport is where a shift was found.
type shiftReport struct {
	right       bool
	first, last int // rows of the run; 0 where there is no run, only rows here and there
	rows        int // shifted rows in all
	firstEver   int
	toEnd       bool
}

// shiftRun is how many more shifted than straight rows make a run.
const shiftRun = 3

func (s *shift) report() (shiftReport, bool) {
	j := 0
	if s.runs[1].best > s.runs[0].best {
		j = 1
	}
	r := &s.runs[j]
	out := shiftReport{right: directions[j] > 0, rows: r.rows, firstEver: r.firstEver}
	switch {
	case r.best >= shiftRun:
		out.first, out.last = r.bestFirst, r.bestLast
		out.toEnd = s.decided-r.bestLast <= 2
		return out, true
	case r.rows >= Few:
		return out, true
	}
	return out, false
}
