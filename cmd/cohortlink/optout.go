package main

import (
	"bufio"
	"hash/maphash"
	"os"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing/norm"
	"cohortlink/linkage/cohort"
)

// leaveOut is the people who are left out before hashing. It holds their numbers
// as seeded hashes only.
type leaveOut struct {
	field    int // of kind nhs-number
	listed   map[uint64]struct{}
	eligible bool // listed people stay, all others go
	numbers  *norm.Normaliser
	seed     maphash.Seed
	count    int
	unknown  int // rows without a valid number, which could not be looked up
}

// readLists reads --opt-out or --eligible. Anything in them that is not an NHS
// number stops the run: leaving someone in by mistake is worse than failing.
func (h *hashRun) readLists(p *formats.Project, cols *columnMap) (*leaveOut, error) {
	if h.optOut == "" && h.eligible == "" {
		return nil, nil
	}
	if h.optOut != "" && h.eligible != "" {
		return nil, usagef("give --opt-out or --eligible, not both: one lists who is left out, the other who may stay")
	}
	field := slices.IndexFunc(p.Fields, func(f formats.ProjectField) bool { return norm.Kind(f.Kind) == norm.NHSNumber })
	if field < 0 || cols.fields[field] == nil {
		return nil, errorf("%s: opted-out people are found by NHS number, and this extract has no column for it\nname its column in the project file, or take these people out yourself before hashing", h.extract)
	}
	file := h.optOut + h.eligible
	numbers, err := norm.New(norm.NHSNumber, norm.Options{})
	if err != nil {
		return nil, err
	}
	l := &leaveOut{field: field, listed: map[uint64]struct{}{}, eligible: h.eligible != "", numbers: numbers, seed: maphash.MakeSeed()}
	f, err := os.Open(file)
	if err != nil {
		return nil, errorf("read %s: %w", file, because(err))
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for line := 1; scan.Scan(); line++ {
		// The opt-out service ends each number with a comma.
		text := strings.TrimSuffix(strings.TrimSpace(strings.TrimPrefix(scan.Text(), "\ufeff")), ",")
		if text == "" {
			continue
		}
		number, _ := norm.ParseNHSNumber(text)
		if number == "" {
			return nil, errorf("%s: line %d is not a valid NHS number: nothing was hashed, so that nobody is left in by mistake\nthe file must hold one NHS number a line and nothing else", file, line)
		}
		l.listed[maphash.String(l.seed, number)] = struct{}{}
	}
	if err := scan.Err(); err != nil {
		return nil, errorf("%s: a line is far too long to be an NHS number: nothing was hashed", file)
	}
	if len(l.listed) == 0 {
		if l.eligible {
			return nil, errorf("%s lists nobody, so everybody would be left out", file)
		}
		h.app.ui.warnf("%s lists nobody, so nobody is left out: make sure that it is the right file", file)
	}
	return l, nil
}

// out reports whether a row is left out, and counts it. Someone without a valid
// number cannot be looked up: with --eligible they are left out, since nothing says
// that they may stay; with --opt-out they stay, since nothing says that they may not.
func (l *leaveOut) out(values []string) bool {
	number, _ := l.numbers.Value(values[l.field])
	listed := false
	if number != "" {
		_, listed = l.listed[maphash.String(l.seed, number)]
	} else {
		l.unknown++
	}
	if listed == l.eligible {
		return false
	}
	l.count++
	return true
}

// protected is how many rows were left out, as it may be told.
func (l *leaveOut) protected() string { return protectedRows(l.count) }

// protectedRows is a count of rows as it may be told: never a small number.
func protectedRows(n int) string {
	rule, err := cohort.Preset("hes")
	if err != nil {
		panic("cohortlink: " + err.Error())
	}
	text := rule.Figure(n).Text()
	if text == cohort.Mark {
		return "fewer than 8"
	}
	return text
}
