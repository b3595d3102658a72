package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cohortlink/formats"
)

// The command is tested by sessions: testdata/script holds one for each command, one for each kind of mistake, and
// one from beginning to end. They run the real program in a process of its own, which is this test's binary under
// another name.
//
// In a script "cohortlink ..." is followed, whatever the script goes on to look at, by what holds for every run:
//
//   - neither output holds a cell of the people in testdata/cast, with whom the scripts' extracts are peopled;
//   - every line on standard error is one of the tool's voice (ui.go), and a run that fails has one line that says
//     "error:", not more, and none if it did not fail;
//   - with --json, standard output is one JSON value if there is a result, and nothing if there is none;
//   - no unfinished file is left behind.
//
// "exits N" then asks for the exit code, where ! cohortlink says only that it was not 0.

// program is what the real program is called in scripts, behind the command cohortlink.
const program = "cohortlink-program"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){program: main})
}

// castFolder holds the people of the scripts: a project, the extracts of its two parties, and the truth. Every script
// finds it as the folder cast.
const castFolder = "testdata/cast"

// castCells are the cells of the cast that only they could put into an output.
var castCells []string

func readCast(t *testing.T) {
	for _, name := range []string{"council.csv", "practice.csv"} {
		text, err := os.ReadFile(filepath.Join(castFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			for _, cell := range row {
				// A year alone may be part of any fingerprint.
				if len(cell) >= 5 || len(cell) == 4 && strings.Trim(cell, "0123456789") != "" {
					castCells = append(castCells, cell, strings.ToUpper(cell))
				}
			}
		}
	}
	if len(castCells) < 80 {
		t.Fatalf("the cast has only %d cells to look for", len(castCells))
	}
}

type lastRun struct{ code int }

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no scripts (%v)", err)
	}
	readCast(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Values["last"] = &lastRun{}
			return os.CopyFS(filepath.Join(e.WorkDir, "cast"), os.DirFS(castFolder))
		},
		Condition: scriptCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cohortlink": runProgram,
			"exits":      exits,
			"nothing":    nothing,
			"make":       makeFile,
			"parquet":    makeParquet,
			"cut":        cutFile,
			"flip":       flipFile,
		},
	})
}

func scriptCondition(cond string) (bool, error) {
	switch cond {
	case "modes": // permissions that keep this user out
		return os.Getuid() > 0, nil
	case "sys": // a folder that keeps even root out
		info, err := os.Stat("/sys/kernel")
		return err == nil && info.IsDir(), nil
	case "full": // a device that answers as a full disk does
		_, err := os.Stat("/dev/full")
		return err == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

var errorLine = regexp.MustCompile(`(?m)^cohortlink: error: `)

func runProgram(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(program, args...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	ts.Value("last").(*lastRun).code = code
	if (code != 0) != neg {
		ts.Fatalf("exit code %d", code)
	}
	checkVoice(ts, code)
	if slices.Contains(args, "--json") {
		checkJSON(ts, code)
	}
	leftovers(ts)
}

func checkVoice(ts *testscript.TestScript, code int) {
	out, errs := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	for _, cell := range castCells {
		if strings.Contains(out, cell) || strings.Contains(errs, cell) {
			ts.Fatalf("%q, which is a cell of an extract, was printed", cell)
		}
	}
	for line := range strings.Lines(errs) {
		if !strings.HasPrefix(line, "cohortlink: ") {
			ts.Fatalf("a line on standard error is not in the tool's voice: %s", line)
		}
		if len(line) > 600 {
			ts.Fatalf("a line on standard error has %d characters", len(line))
		}
	}
	want := 0
	if code == exitFailed || code == exitUsage {
		want = 1
	}
	if got := len(errorLine.FindAllString(errs, -1)); got != want {
		ts.Fatalf("exit code %d with %d lines that say error", code, got)
	}
}

func checkJSON(ts *testscript.TestScript, code int) {
	out := ts.ReadFile("stdout")
	if code == exitFailed || code == exitUsage {
		if out != "" {
			ts.Fatalf("it failed, and wrote to standard output all the same")
		}
		return
	}
	if !json.Valid([]byte(out)) {
		ts.Fatalf("standard output is not one JSON value")
	}
}

// leftovers wants nothing to be there that is hidden: unfinished outputs are.
func leftovers(ts *testscript.TestScript) {
	work := ts.Getenv("WORK")
	ts.Check(filepath.WalkDir(work, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(work, ".tmp") {
			return filepath.SkipDir // testscript's own
		}
		if strings.HasPrefix(e.Name(), ".") {
			return fmt.Errorf("left behind: %s", path)
		}
		return nil
	}))
}

// exits wants the last cohortlink to have ended with the given code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: exits CODE")
	}
	if got := ts.Value("last").(*lastRun).code; strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// nothing wants a folder to be empty: what failed wrote nothing into it.
func nothing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nothing FOLDER")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s is in %s", e.Name(), args[0])
	}
}

// makeFile writes a file that a script cannot hold: bytes of any kind, and many of them. Arguments are Go strings
// without quotes, in which \x00 and the like have their meaning; N*TEXT repeats TEXT.
func makeFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: make FILE TEXT...")
	}
	var b strings.Builder
	for _, arg := range args[1:] {
		times := 1
		if n, text, ok := strings.Cut(arg, "*"); ok {
			var err error
			times, err = strconv.Atoi(n)
			ts.Check(err)
			arg = text
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`)
		ts.Check(err)
		b.WriteString(strings.Repeat(text, times))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// makeParquet writes a CSV extract as Parquet, every column as text.
func makeParquet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: parquet FROM TO")
	}
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	var columns []formats.Column
	var cells []any
	for i, name := range rows[0] {
		column := make([]string, 0, len(rows)-1)
		for _, row := range rows[1:] {
			column = append(column, row[i])
		}
		columns = append(columns, formats.Column{Name: name, Type: formats.TableString})
		cells = append(cells, column)
	}
	var b bytes.Buffer
	w, err := formats.NewTableWriter(&b, columns, nil)
	ts.Check(err)
	ts.Check(w.Append(cells...))
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o644))
}

// place is a place in a file: from its beginning, or from its end when it is negative.
func place(ts *testscript.TestScript, text, arg string) int {
	n, err := strconv.Atoi(arg)
	ts.Check(err)
	if n < 0 {
		n += len(text)
	}
	if n < 0 || n >= len(text) {
		ts.Fatalf("%s lies outside a file of %d bytes", arg, len(text))
	}
	return n
}

// cutFile copies the beginning of a file, up to a place in it.
func cutFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut FROM PLACE TO")
	}
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text[:place(ts, text, args[1])]), 0o644))
}

// flipFile copies a file with one bit changed.
func flipFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: flip FROM PLACE TO")
	}
	text := []byte(ts.ReadFile(args[0]))
	text[place(ts, string(text), args[1])] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), text, 0o644))
}
