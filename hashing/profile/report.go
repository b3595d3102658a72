package profile

import (
	"fmt"
	"slices"

	"cohortlink/hashing/norm"
)

// A Report is what may be shown of an extract: every number in it is protected
// (see Count) except row numbers, which say where to look and nothing about
// anybody.
type Report struct {
	Rows     string        `json:"rows"` // readable and not, exact unless fewer than Few
	Aside    Count         `json:"rows_set_aside"`
	Reasons  []AsideReport `json:"set_aside"`
	Fields   []FieldReport `json:"fields"`
	Unread   []string      `json:"columns_not_read"`
	Linking  []GroupReport `json:"linking"`
	Repeats  RepeatsReport `json:"repeats"`
	Findings []Finding     `json:"findings"`
	Findable Count         `json:"findable"` // records in the first two groups of Linking
}

// AsideReport is rows that could not be read, for one reason.
type AsideReport struct {
	Reason string `json:"reason"`
	Rows   Count  `json:"rows"`
	First  []int  `json:"first_rows"` // the numbers of the first of them
}

// FieldReport is a field and its column or columns.
type FieldReport struct {
	Name     string          `json:"field"`
	Kind     string          `json:"kind"`
	Columns  []string        `json:"columns"`
	Found    string          `json:"found"`           // FoundGiven, FoundHeader, FoundContent or NotFound
	Dates    string          `json:"dates,omitempty"` // of kind date: the form the column is in, where it is certain
	Usable   Count           `json:"usable"`          // cells that give something to hash
	Problems []ProblemReport `json:"problems"`
}

// ProblemReport is how many cells of a field have one problem.
type ProblemReport struct {
	Problem string `json:"problem"`
	Cells   Count  `json:"cells"`
	Kept    bool   `json:"kept"` // most of them can be used all the same
}

// GroupReport is the records that hold the same kind of evidence.
type GroupReport struct {
	Name    string `json:"records_with"`
	Expect  string `json:"expect"`
	Records Count  `json:"records"`
}

// RepeatsReport is what stands in the extract more than once. Each count is of
// records that repeat an earlier one.
type RepeatsReport struct {
	Rows           Count `json:"identical_rows"`
	Records        Count `json:"same_in_all_fields"`
	NHSNumbers     Count `json:"same_nhs_number"`
	NHSOtherDates  Count `json:"same_nhs_number_other_date"`
	OnlyFirstParts bool  `json:"only_in_part"` // the extract is too long to hold every record against every other
}

// What to do about a finding.
const (
	Fix  = "put right"        // hashing now would lose or spoil something
	Ask  = "ask the supplier" // someone else has to mend it, or to say how it is
	Know = "good to know"
)

// A Finding is one thing worth telling, in plain words.
type Finding struct {
	Kind  string `json:"kind"`  // Fix, Ask or Know
	Code  string `json:"code"`  // a short name that stays the same from version to version
	Field string `json:"field"` // "" where it is about the whole extract
	Text  string `json:"text"`
	Do    string `json:"do"` // what to do or ask for
}

var groups = [groupCount]struct{ name, expect string }{
	groupNumber: {"an NHS number, and a name or a date of birth beside it", "found wherever the other party holds the number too"},
	groupWhole:  {"every name, a whole date of birth and a postcode, but no NHS number", "found nearly always, less often after a move or a change of name"},
	groupNamed:  {"every name and a whole date of birth, but no NHS number or postcode", "often found, but common names may stay in doubt"},
	groupOther:  {"less than that, yet enough to hash", "found only by chance of what is left"},
	groupLittle: {"too little", "set aside when hashing: they would look like many strangers"},
}

// Report says what was counted. No row may be added after it.
func (p *Profiler) Report() *Report {
	if !p.ready {
		p.begin()
	}
	all := p.rows + p.aside
	r := &Report{Rows: rowsText(all), Aside: protect(p.aside, all), Unread: []string{}, Reasons: []AsideReport{}, Fields: []FieldReport{}, Findings: []Finding{}}
	for _, why := range p.order {
		s := p.reasons[why]
		r.Reasons = append(r.Reasons, AsideReport{why, protect(s.rows, all), s.named})
	}
	read := make([]bool, len(p.header))
	for _, f := range p.fields {
		r.Fields = append(r.Fields, p.field(f))
		for _, c := range f.columns {
			read[c] = true
		}
	}
	for i, h := range p.header {
		if !read[i] && !slices.Contains(p.options.Used, i) {
			r.Unread = append(r.Unread, h)
		}
	}
	for i, g := range groups {
		r.Linking = append(r.Linking, GroupReport{g.name, g.expect, protect(p.groups[i], p.rows)})
	}
	r.Findable = protect(p.groups[groupNumber]+p.groups[groupWhole], p.rows)
	r.Repeats = RepeatsReport{
		Rows: protect(p.repeats.rows, p.rows), Records: protect(p.repeats.same, p.rows), NHSNumbers: protect(p.repeats.nhs, p.rows),
		NHSOtherDates: protect(p.repeats.nhsOtherDate, p.rows), OnlyFirstParts: p.partial,
	}
	p.find(r)
	// What must be put right comes first; otherwise the order of discovery, which
	// goes from the file to its fields.
	rank := map[string]int{Fix: 0, Ask: 1, Know: 2}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return rank[a.Kind] - rank[b.Kind] })
	return r
}

func (p *Profiler) field(f *fieldState) FieldReport {
	out := FieldReport{Name: f.Name, Kind: string(f.Kind), Columns: []string{}, Found: f.how, Usable: protect(f.usable, p.rows), Problems: []ProblemReport{}}
	for _, c := range f.columns {
		out.Columns = append(out.Columns, p.header[c])
	}
	if f.Kind == norm.Date && len(f.columns) > 0 {
		out.Dates = certainForm(f.dates.Report(), len(f.columns))
	}
	for _, problem := range norm.Problems() {
		if s := f.problems[problem]; s != nil {
			out.Problems = append(out.Problems, ProblemReport{problem.String(), protect(s.cells, p.rows), s.kept*2 > s.cells})
		}
	}
	return out
}

// Gaps are the fields of which the extract has no column.
func (r *Report) Gaps() []string {
	var out []string
	for _, f := range r.Fields {
		if f.Found == NotFound {
			out = append(out, f.Name)
		}
	}
	return out
}

// Verdict is the report in one sentence.
func (r *Report) Verdict() string {
	n := map[string]int{}
	for _, f := range r.Findings {
		n[f.Kind]++
	}
	things := func(n int) string {
		if n == 1 {
			return "1 thing"
		}
		return fmt.Sprintf("%d things", n)
	}
	switch {
	case n[Fix] > 0 && n[Ask] > 0:
		return fmt.Sprintf("Put %s right before hashing, and ask the supplier about %s.", things(n[Fix]), things(n[Ask]))
	case n[Fix] > 0:
		return fmt.Sprintf("Put %s right before hashing.", things(n[Fix]))
	case n[Ask] > 0:
		return fmt.Sprintf("It can be hashed. It would link better if the supplier could mend %s.", things(n[Ask]))
	}
	return "It can be hashed as it is."
}
