package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"cohortlink/formats"
	"cohortlink/hashing/profile"
)

// Needs travel beside the filters as they stand in the extract, and a row whose
// need cannot be read is set aside. So check reads them by the same code as hash,
// counts what they say, and protects the counts. Values are shown only where the
// project lists them: a column that is no category may hold anything.

// needCheck counts the values of a project's needs.
type needCheck struct {
	coder  *needCoder
	names  [][]string       // columns of each need
	counts []map[uint16]int // rows by code, 0 where the cell is empty
	bad    []int            // rows whose cell hash refuses
	rows   int
}

// newNeedCheck finds the columns of the project's needs, and says which are named
// and not there: hashing would stop at them.
func newNeedCheck(project *formats.Project, party *formats.ProjectParty, header []string) (n *needCheck, lost []profile.Finding) {
	n = &needCheck{}
	columns := make([][]int, len(project.Needs))
	for i, need := range project.Needs {
		own, mapped := party.Columns[need.Name]
		if !mapped {
			own = []string{need.Name}
		}
		for _, c := range own {
			if at := slices.Index(header, c); at >= 0 {
				columns[i] = append(columns[i], at)
				continue
			}
			if mapped {
				lost = append(lost, profile.Finding{
					Kind: profile.Fix, Code: "need-absent", Field: need.Name,
					Text: fmt.Sprintf("the project names column %q for this need, and there is no such column", c),
					Do:   "if your extract does not have this need, take its line out of your columns; if it has, correct the name",
				})
			}
			columns[i] = nil
			break
		}
		if columns[i] != nil {
			n.names = append(n.names, own)
		}
	}
	n.coder = newNeedCoder(project.Needs, columns)
	n.counts, n.bad = make([]map[uint16]int, len(n.names)), make([]int, len(n.names))
	for i := range n.counts {
		n.counts[i] = map[uint16]int{}
	}
	return n, lost
}

// used are the columns that are read.
func (n *needCheck) used() []int { return slices.Concat(n.coder.columns...) }

func (n *needCheck) add(row []string) {
	n.rows++
	for i, columns := range n.coder.columns {
		code, err := n.coder.code(i, join(row, columns))
		if err != nil {
			n.bad[i]++
			continue
		}
		n.counts[i][code]++
	}
}

// needReport is what a need's column says, every count of rows protected.
type needReport struct {
	Name    string        `json:"need"`
	Kind    string        `json:"kind"`
	Columns []string      `json:"columns"`
	Known   profile.Count `json:"known"`   // rows that say something
	Refused profile.Count `json:"refused"` // rows that hash would set aside
	// Different is how many different values there are, yes and no counted as they occur.
	Different int         `json:"different_values"`
	Values    []needValue `json:"values"` // only those that the project lists, and yes and no
}

type needValue struct {
	Value string        `json:"value"`
	Rows  profile.Count `json:"rows"`
}

// known is how many rows say something of need i.
func (n *needCheck) known(i int) int { return n.rows - n.bad[i] - n.counts[i][0] }

func (n *needCheck) report() []needReport {
	out := []needReport{}
	for i, need := range n.coder.needs {
		r := needReport{
			Name: need.Name, Kind: need.Kind, Columns: n.names[i], Values: []needValue{},
			Known: profile.Protect(n.known(i), n.rows), Refused: profile.Protect(n.bad[i], n.rows),
		}
		for code := range n.counts[i] {
			if code > 0 {
				r.Different++
			}
		}
		if n.coder.fixed[i] {
			for k, value := range n.coder.values[i] {
				r.Values = append(r.Values, needValue{value, profile.Protect(n.counts[i][uint16(k+1)], n.rows)})
			}
		}
		out = append(out, r)
	}
	return out
}

// findings are what is to be said of the needs' values.
func (n *needCheck) findings() []profile.Finding {
	var out []profile.Finding
	for i, need := range n.coder.needs {
		add := func(kind, code, text, do string) {
			out = append(out, profile.Finding{Kind: kind, Code: code, Field: need.Name, Text: text, Do: do})
		}
		bad := profile.Protect(n.bad[i], n.rows).Of("cells")
		switch {
		case n.bad[i] == 0:
		case need.Kind == formats.NeedYesNo:
			add(profile.Fix, "need-values", bad+" are neither yes nor no; hashing would set their rows aside", "write yes or no (y, n, true, false, 1 and 0 will do), and leave a cell empty where it is not known")
		case n.coder.fixed[i]:
			add(profile.Fix, "need-values", bad+" hold a value that the project does not list; hashing would set their rows aside", "write the values as the project lists them, capitals too: "+quoted(n.coder.values[i]))
		default:
			add(profile.Fix, "need-values", fmt.Sprintf("it has more than %d different values, too many for a category; hashing would set aside the rows that hold more", maxNeedValues), "check that the column is the right one: this may be free text, which must not travel")
		}
		switch r := n.counts[i]; {
		case n.rows == 0 || n.bad[i] > 0:
		case n.known(i) == 0:
			add(profile.Ask, "need-empty", "every cell is empty, so this extract says nothing about this need", "ask for it to be filled, or take its line out of your columns")
		case need.Kind == formats.NeedYesNo && n.known(i) >= profile.Few && r[2] == 0:
			add(profile.Ask, "need-never", "no row says yes", "ask whether nobody has it, or whether it was not looked up")
		}
	}
	return out
}

// facts are the values with their rows.
func (r *needReport) facts() []formats.ReportFact {
	var out []formats.ReportFact
	for _, v := range r.Values {
		out = append(out, formats.ReportFact{Name: v.Value, Text: v.Rows.Text})
	}
	if len(out) == 0 && r.Different > 0 {
		out = append(out, formats.ReportFact{Name: "different values", Text: fmt.Sprint(r.Different)})
	}
	return out
}

func printNeeds(b *strings.Builder, needs []needReport) {
	if len(needs) == 0 {
		return
	}
	b.WriteString("\nNeeds, which travel beside the filters\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, n := range needs {
		var values []string
		for _, f := range n.facts() {
			values = append(values, f.Name+": "+f.Text)
		}
		fmt.Fprintf(w, "  %s\t%s\tknown: %s\t%s\n", n.Name, quoted(n.Columns), withShare(n.Known), strings.Join(values, "; "))
	}
	w.Flush()
}
