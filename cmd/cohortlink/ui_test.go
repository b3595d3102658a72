package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Of work in stages one is shown at a time, and each is reckoned from its own beginning, even where it comes again.
func TestStages(t *testing.T) {
	u := newUI(strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer))
	u.terminal = true
	s := &stages{meters: map[string]*meter{"compare": u.meter("compare", "pairs"), "persons": u.meter("form persons", "thresholds")}}
	shown := func(stage string, done uint64) bool {
		m, before := s.meters[stage], time.Now()
		s.set(stage, done, 10)
		begun := !m.start.Before(before)
		m.start = m.start.Add(-2 * barAfter) // as if it had taken that long already
		if (u.bar != nil) != (m.bar != nil) || begun != (done == 0) {
			t.Errorf("%s, %d done: a bar %v, of this stage %v; it has just begun: %v", stage, done, u.bar != nil, m.bar != nil, begun)
		}
		return u.bar != nil
	}
	for _, c := range []struct {
		stage string
		done  uint64
		want  bool
	}{{"compare", 0, false}, {"compare", 5, true}, {"persons", 0, false}, {"persons", 1, true}, {"persons", 0, false}, {"persons", 9, true}} {
		if got := shown(c.stage, c.done); got != c.want {
			t.Errorf("%s, %d done: shown %v, want %v", c.stage, c.done, got, c.want)
		}
	}
	s.done()
	if u.bar != nil {
		t.Error("a bar is left when all is done")
	}
}
