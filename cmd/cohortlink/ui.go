package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// The tool's voice. Results go to standard output. Everything else goes to
// standard error, one line a thought, lower case, no full stop:
//
//	cohortlink: error: what is wrong, where, and what to do
//	cohortlink: hint: something that can be typed
//	cohortlink: warning: what was done all the same
//	cohortlink: what is going on (not with --quiet)
//
// No line ever holds a cell of an extract, a key or a record ID. Strings from
// outside are quoted with %q, so that they cannot steer a terminal.
type ui struct {
	in       io.Reader
	out      *resultWriter
	errs     io.Writer
	quiet    bool
	hush     bool // says nothing of its own accord, but shows progress
	terminal bool // errs is one
	mu       sync.Mutex
	bar      *progressbar.ProgressBar
}

func newUI(in io.Reader, out, errs io.Writer) *ui {
	f, ok := errs.(*os.File)
	return &ui{in: in, out: &resultWriter{w: out}, errs: errs, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// hushed is a voice for steps of a longer story, which is told by the caller: their
// results and remarks are dropped, warnings and progress are not.
func (u *ui) hushed() *ui {
	return &ui{in: u.in, out: &resultWriter{w: io.Discard}, errs: u.errs, quiet: u.quiet, hush: true, terminal: u.terminal}
}

// resultWriter is standard output, and keeps the first error: a result that did not
// get out whole must not end as if it had, whoever wrote it.
type resultWriter struct {
	w   io.Writer
	err error
}

func (r *resultWriter) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.w.Write(p)
	r.err = err
	return n, err
}

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

func (u *ui) line(kind, text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bar != nil {
		u.bar.Clear()
	}
	fmt.Fprintf(u.errs, "cohortlink: %s%s\n", kind, text)
}

func (u *ui) sayf(format string, args ...any) {
	if !u.quiet && !u.hush {
		u.line("", fmt.Sprintf(format, args...))
	}
}

func (u *ui) warnf(format string, args ...any) { u.line("warning: ", fmt.Sprintf(format, args...)) }

// resultf writes to standard output: what a command was asked for.
func (u *ui) resultf(format string, args ...any) { fmt.Fprintf(u.out, format, args...) }

func (u *ui) resultJSON(v any) error {
	return encodeJSON(u.out, v)
}

// encodeJSON writes JSON for people and programs: a condition reads parties>=3, which an
// encoder for pages would spell otherwise.
func encodeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// finish says what went wrong, if anything, and returns the exit code. What an
// error says after its first line is a hint.
func (u *ui) finish(err error) int {
	if out := u.out.err; out != nil && (err == nil || exitCode(err) == exitSetAside || errors.Is(err, out)) {
		err = errorf("standard output takes no more: %w", because(out))
	}
	code := exitCode(err)
	if err == nil {
		return code
	}
	first, rest, _ := strings.Cut(err.Error(), "\n")
	kind := "error: "
	if code == exitSetAside {
		kind = "warning: "
	}
	u.line(kind, first)
	for _, hint := range strings.Split(rest, "\n") {
		if hint != "" {
			u.line("hint: ", hint)
		}
	}
	return code
}

// A meter shows how far long work is: a bar on a terminal once it has taken a
// second, and elsewhere a plain line every half minute. (progressbar does not
// notice by itself that it is not on a terminal.)
type meter struct {
	u           *ui
	what        string
	unit        string
	mu          sync.Mutex
	start, last time.Time
	bar         *progressbar.ProgressBar
}

const (
	barAfter  = time.Second
	lineEvery = 30 * time.Second
)

func (u *ui) meter(what, unit string) *meter {
	return &meter{u: u, what: what, unit: unit}
}

// set tells how much is done. It may be called from any goroutine.
func (m *meter) set(done, total uint64) {
	if m.u.quiet {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.start.IsZero() { // a stage after others takes none of their time
		m.start, m.last = now, now
	}
	if !m.u.terminal {
		if now.Sub(m.last) >= lineEvery && total > 0 {
			m.last = now
			left := ""
			if done > 0 {
				left = fmt.Sprintf(", about %s left", (time.Duration(float64(now.Sub(m.start)) * (float64(total)/float64(done) - 1))).Round(time.Second))
			}
			m.u.line("", fmt.Sprintf("%s: %d %% of %s %s%s", m.what, done*100/total, short(float64(total)), m.unit, left))
		}
		return
	}
	if m.bar == nil {
		if now.Sub(m.start) < barAfter {
			return
		}
		m.bar = progressbar.NewOptions64(int64(total),
			progressbar.OptionSetWriter(m.u.errs),
			progressbar.OptionSetDescription(m.what),
			progressbar.OptionSetWidth(24),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(m.unit),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionEnableColorCodes(false),
		)
		m.u.mu.Lock()
		m.u.bar = m.bar
		m.u.mu.Unlock()
	}
	m.u.mu.Lock()
	m.bar.ChangeMax64(int64(total))
	m.bar.Set64(int64(done))
	m.u.mu.Unlock()
}

// done takes the bar away. What is told after that is of a new beginning.
func (m *meter) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start = time.Time{}
	if m.bar != nil {
		m.u.mu.Lock()
		m.bar.Clear()
		m.u.bar = nil
		m.u.mu.Unlock()
		m.bar = nil
	}
}

// stages are meters of work that is done in stages, of which one is shown at a time.
type stages struct {
	meters map[string]*meter
	mu     sync.Mutex
	now    *meter
}

// set tells how much of a stage is done. It may be called from any goroutine. A stage of
// which nothing is done yet begins, even where it is the same again.
func (s *stages) set(stage string, done, total uint64) {
	s.mu.Lock()
	m := s.meters[stage]
	if s.now != nil && (s.now != m || done == 0) {
		s.now.done()
	}
	s.now = m
	s.mu.Unlock()
	m.set(done, total)
}

// done takes away what is shown.
func (s *stages) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		s.now.done()
	}
}

// short writes a large number as a person would say it: 1.3 billion.
func short(n float64) string {
	switch {
	case n >= 1e12:
		return fmt.Sprintf("%.3g trillion", n/1e12)
	case n >= 1e9:
		return fmt.Sprintf("%.3g billion", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.3g million", n/1e6)
	default:
		return thousands(int(n))
	}
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}

// because drops the operation and path that os puts before a reason, where the
// message has named the file already.
func because(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
