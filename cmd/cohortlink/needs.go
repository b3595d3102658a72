package main

import (
	"io/fs"
	"slices"
	"strings"

	"cohortlink/formats"
)

func fsMode(m uint32) fs.FileMode { return fs.FileMode(m) }

// needCoder turns the cells of needs into the numbers that travel: 0 not known,
// else 1 + the place in the need's list of values.
type needCoder struct {
	needs   []formats.ProjectNeed
	columns [][]int // of the extract, for each need
	values  [][]string
	fixed   []bool
}

// newNeedCoder takes the project's needs and their columns. A need without a column
// is not the party's to declare, and does not travel: "nobody says so" must not
// come out as "nobody has it".
func newNeedCoder(needs []formats.ProjectNeed, columns [][]int) *needCoder {
	c := &needCoder{}
	for i, n := range needs {
		if columns[i] == nil {
			continue
		}
		c.needs = append(c.needs, n)
		c.columns = append(c.columns, columns[i])
		values := slices.Clone(n.Values)
		if n.Kind == formats.NeedYesNo {
			values = []string{"no", "yes"}
		}
		c.values = append(c.values, values)
		c.fixed = append(c.fixed, len(values) > 0)
	}
	return c
}

// maxNeedValues bounds a category whose values the project does not fix. Beyond it
// the column is not a category but something that names people.
const maxNeedValues = 50

func (c *needCoder) code(need int, cell string) (uint16, error) {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return 0, nil
	}
	if c.needs[need].Kind == formats.NeedYesNo {
		switch strings.ToLower(cell) {
		case "yes", "y", "true", "1", "t":
			return 2, nil
		case "no", "n", "false", "0", "f":
			return 1, nil
		}
		return 0, errorf("need %q is neither yes nor no", c.needs[need].Name)
	}
	if i := slices.Index(c.values[need], cell); i >= 0 {
		return uint16(i + 1), nil
	}
	if c.fixed[need] {
		return 0, errorf("need %q has a value that the project does not list", c.needs[need].Name)
	}
	if len(c.values[need]) >= maxNeedValues {
		return 0, errorf("need %q has more than %d different values", c.needs[need].Name, maxNeedValues)
	}
	c.values[need] = append(c.values[need], cell)
	return uint16(len(c.values[need])), nil
}

func (c *needCoder) layouts() []formats.NeedLayout {
	out := []formats.NeedLayout{}
	for i, n := range c.needs {
		values := c.values[i]
		if values == nil {
			values = []string{}
		}
		out = append(out, formats.NeedLayout{Name: n.Name, Kind: n.Kind, Values: values})
	}
	return out
}
