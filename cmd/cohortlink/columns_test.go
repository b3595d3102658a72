package main

import (
	"strings"
	"testing"

	"cohortlink/formats"
)

// A first line that has nothing of the project's may be a person: it is not shown.
func TestColumnsOfAPersonAreNotShown(t *testing.T) {
	p := &formats.Project{Fields: []formats.ProjectField{{Name: "surname", Kind: "name"}, {Name: "forename", Kind: "name"}}}
	person := []string{"Quillfeather", "Zebedee"}
	for _, columns := range []map[string][]string{nil, {"surname": {"Last Name"}, "forename": {"First Name"}}} {
		_, err := mapColumns("x.csv", person, p, &formats.ProjectParty{Name: "council", Columns: columns})
		if err == nil || strings.Contains(err.Error(), person[0]) || strings.Contains(err.Error(), person[1]) {
			t.Errorf("columns %v: %v", columns, err)
		}
	}
	// With one name that is known it is a header, and the hint may quote it.
	_, err := mapColumns("x.csv", []string{"First Name", "lastname"}, p, &formats.ProjectParty{Name: "council", Columns: map[string][]string{"surname": {"Last Name"}, "forename": {"First Name"}}})
	if err == nil || !strings.Contains(err.Error(), `did you mean "lastname"?`) {
		t.Errorf("a header with one name misspelt: %v", err)
	}
}
