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
	needs  []formats.ProjectNeed
	values [][]string
	fixed  []bool
}

func newNeedCoder(needs []formats.ProjectNeed) *needCoder {
	c := &needCoder{needs: needs}
	for _, n := range needs {
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
