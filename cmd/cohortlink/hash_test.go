package main

import (
	"bytes"
	"strings"
	"testing"

	"cohortlink/formats"
)

// A column that is not what the project says is refused, or warned about, before
// anything is written; a few bad values are neither.
func TestCheckRead(t *testing.T) {
	p := &formats.Project{Fields: []formats.ProjectField{{Name: "surname", Kind: "name"}, {Name: "birth_date", Kind: "date"}}}
	for _, c := range []struct {
		name          string
		unread, given int
		refused, warn bool
	}{
		{"sound", 0, 1000, false, false},
		{"a few", 40, 1000, false, false},
		{"some", 60, 1000, false, true},
		{"half", 500, 1000, true, false},
		{"all", 1000, 1000, true, false},
		{"all of too few", 19, 19, false, false},
		{"none given", 0, 0, false, false},
	} {
		var errs bytes.Buffer
		h := hashRun{app: &app{ui: newUI(strings.NewReader(""), &errs, &errs)}, extract: "x.csv", project: "p.yaml", party: "council"}
		// In two batches, and one whose rows were all set aside before hashing.
		half := func(n int) []int { return []int{0, n / 2} }
		rest := func(n int) []int { return []int{0, n - n/2} }
		err := h.checkRead(p, []*batch{{unread: half(c.unread), given: half(c.given)}, {}, {unread: rest(c.unread), given: rest(c.given)}})
		if (err != nil) != c.refused || strings.Contains(errs.String(), "warning") != c.warn {
			t.Errorf("%s: error %v, said %q", c.name, err, errs.String())
		}
		if err != nil && !strings.Contains(err.Error(), `field "birth_date"`) {
			t.Errorf("%s: %v does not name the field", c.name, err)
		}
	}
}
