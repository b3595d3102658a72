//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What only a process of its own shows: an interrupt, a disk that is full, and how much memory a run takes.

// bulkProject is the project of bulkExtract.
const bulkProject = `version: 1
project: bulk
parties: {a: {deduplicated: true}, b: {deduplicated: true}}
fields:
  - {name: forename, kind: name}
  - {name: surname, kind: name}
  - {name: birth_date, kind: date}
  - {name: postcode, kind: postcode}
  - {name: nhs_number, kind: nhs-number}
`

// bulkExtract writes an extract of many different rows, in a folder with its project and key.
func bulkExtract(t *testing.T, dir string, rows int) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "project.yaml"), []byte(bulkProject), 0o600); err != nil {
		t.Fatal(err)
	}
	writeKey(t, filepath.Join(dir, "project.key"), "bulk")
	path := filepath.Join(dir, "extract.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "forename,surname,birth_date,postcode,nhs_number")
	name := func(n, length int) []byte {
		b := make([]byte, length)
		for i := range b {
			b[i] = 'a' + byte(n%26)
			n /= 26
		}
		return b
	}
	for i := range rows {
		n := int(uint32(i+1) * 2654435761) // scatters the rows
		fmt.Fprintf(w, "%s,%s,%04d-%02d-%02d,OB%d %d%s,\n", name(n, 6), name(n>>8, 8), 1920+n%100, 1+n>>7%12, 1+n>>11%28, 1+n>>3%9, n>>16%10, "AB")
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// hidden are the unfinished files in a folder, however deep.
func hidden(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), ".") {
			out = append(out, path)
		}
		return nil // what disappears while we look is not there
	})
	return out
}

// Interrupted in the middle, a command ends at once with exit code 1 and one line, and leaves nothing of its output.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("gives commands seconds of work to be interrupted in")
	}
	in := t.TempDir()
	extract := bulkExtract(t, in, 600_000)
	project, key := filepath.Join(in, "project.yaml"), filepath.Join(in, "project.key")
	small := bulkExtract(t, t.TempDir(), 60_000)
	for i, p := range []string{"a", "b"} {
		mustHash(t, hashRun{extract: small, project: project, party: p, key: key, out: in, random: seeded(byte(20 + i))})
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"hash", []string{"hash", extract, "--project", project, "--party", "a", "--key", key, "-o", "."}},
		{"link", []string{"link", filepath.Join(in, "a.filters"), filepath.Join(in, "b.filters"), "-o", "linked"}},
		{"synth", []string{"synth", "borough", "--people", "300000"}},
		{"demo", []string{"demo", "-o", "demo", "--people", "200000"}},
	} {
		// At once, and further into the work.
		for _, after := range []time.Duration{0, 50 * time.Millisecond, 500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%v", c.name, after), func(t *testing.T) { interrupt(t, c.args, after) })
		}
	}
}

// interrupt runs the program in an empty folder and interrupts it some time after its output is begun.
func interrupt(t *testing.T, args []string, after time.Duration) {
	dir := t.TempDir()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for wait := time.Duration(-1); wait < 0; {
		if len(hidden(t, dir)) > 0 {
			wait = after
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended before it could be interrupted: %v\n%s", err, &errs)
		case <-time.After(max(wait, time.Millisecond)):
		}
	}
	at := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
	t.Logf("ended %v after the interrupt", time.Since(at).Round(time.Millisecond))
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if got := errs.String(); got != "cohortlink: error: interrupted: nothing was left half written\n" {
		t.Errorf("it said %q", got)
	}
	if left := hidden(t, dir); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
	// What the demo had finished is whole, and stays: its folder shows how far it came.
	if entries, err := os.ReadDir(dir); err != nil || args[0] != "demo" && len(entries) > 0 {
		t.Errorf("it left %v (%v)", entries, err)
	}
}

// On a disk that is full each command says so in one line, and there is all of its output or none. Disks of growing
// size are full at every place in its work.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("makes its small disks with Linux's tmpfs")
	}
	in := t.TempDir()
	extract := bulkExtract(t, in, 300)
	project, key := filepath.Join(in, "project.yaml"), filepath.Join(in, "project.key")
	for i, p := range []string{"a", "b"} {
		mustHash(t, hashRun{extract: extract, project: project, party: p, key: key, out: in, random: seeded(byte(30 + i))})
	}
	linked := filepath.Join(in, "linked")
	l := linkRun{app: quietApp(new(bytes.Buffer)), files: []string{filepath.Join(in, "a.filters"), filepath.Join(in, "b.filters")}, threshold: "0.9", out: linked, random: seeded(5)}
	if _, err := l.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		args  []string
		files int // of a whole output, folders aside
	}{
		{"hash", []string{"hash", extract, "--project", project, "--party", "a", "--key", key, "-o", disk}, 3},
		{"link", append([]string{"link"}, append(l.files, "--threshold", "0.9", "-o", filepath.Join(disk, "linked"))...), 7},
		{"attach", []string{"attach", extract, "--links", filepath.Join(linked, "links", "a.csv"), "--map", filepath.Join(in, "a.map.csv"), "-o", filepath.Join(disk, "linked.csv")}, 1},
		{"size", []string{"size", linked, "-o", filepath.Join(disk, "release")}, 3},
		{"synth", []string{"synth", filepath.Join(disk, "borough"), "--people", "100", "--practices", "2"}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			full, done := 0, 0
			for kib := 4; done == 0; kib += 8 {
				if kib > 1024 {
					t.Fatal("a disk of a megabyte is not enough")
				}
				if err := mountSmallDisk(disk, kib); err != nil {
					t.Skip("no right to mount a small disk here: ", err)
				}
				cmd := exec.Command(program, c.args...)
				var errs bytes.Buffer
				cmd.Stderr = &errs
				cmd.Run()
				files, rest := countFiles(t, disk), hidden(t, disk)
				if err := unmount(disk); err != nil {
					t.Fatal(err)
				}
				if len(rest) > 0 {
					t.Errorf("%d KiB: it left %q", kib, rest)
				}
				switch code := cmd.ProcessState.ExitCode(); code {
				case exitDone:
					done++
					if files != c.files {
						t.Errorf("%d KiB: it is done, with %d files", kib, files)
					}
				case exitFailed:
					full++
					if files != 0 {
						t.Errorf("%d KiB: it failed, with %d files left\n%s", kib, files, &errs)
					}
					if n := len(errorLine.FindAllString(errs.String(), -1)); n != 1 || !strings.Contains(errs.String(), "full") && !strings.Contains(errs.String(), "no space") {
						t.Errorf("%d KiB: it said\n%s", kib, &errs)
					}
				default:
					t.Errorf("%d KiB: exit code %d\n%s", kib, code, &errs)
				}
			}
			if full == 0 {
				t.Error("no disk was small enough to be full")
			}
		})
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	})
	return n
}

// A million rows are hashed in bounded memory (issue 2, item 3).
func TestMillionRowsMemory(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("hashes a million rows, and reads the peak as Linux counts it")
	}
	dir := t.TempDir()
	extract := bulkExtract(t, dir, 1_000_000)
	cmd := exec.Command(program, "hash", extract, "--project", filepath.Join(dir, "project.yaml"), "--party", "a", "--key", filepath.Join(dir, "project.key"), "-o", dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	if !strings.Contains(errs.String(), "hashed 1,000,000 records") {
		t.Fatalf("it said\n%s", &errs)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10 // getrusage(2): KiB on Linux
	t.Logf("1,000,000 rows in %v, at most %d MiB", time.Since(start).Round(100*time.Millisecond), peak)
	if peak > 600 {
		t.Errorf("a million rows took %d MiB", peak)
	}
}

// Link keeps to --memory, whether the pairs that it would hold fit in or not.
func TestLinkMemory(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("links millions of candidate pairs, and reads the peak as Linux counts it")
	}
	in := t.TempDir()
	extract := bulkExtract(t, in, 1_800)
	for i, p := range []string{"a", "b"} {
		mustHash(t, hashRun{extract: extract, project: filepath.Join(in, "project.yaml"), party: p, key: filepath.Join(in, "project.key"), out: in, random: seeded(byte(20 + i))})
	}
	for _, c := range []struct {
		memory int // MiB
		code   int
		says   string
	}{
		{0, exitDone, ""},
		{360, exitDone, ""},
		{200, exitFailed, "larger --memory or --max-pairs"},
	} {
		args := []string{"link", filepath.Join(in, "a.filters"), filepath.Join(in, "b.filters"), "--threshold", linkMemoryThreshold, "--workers", "1", "--memory", fmt.Sprint(c.memory), "-o", filepath.Join(in, fmt.Sprint("linked-", c.memory))}
		cmd := exec.Command(program, args...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		cmd.Run()
		peak := int(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10) // getrusage(2): KiB on Linux
		t.Logf("--memory %d: at most %d MiB", c.memory, peak)
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("--memory %d: exit code %d\n%s", c.memory, code, &errs)
		}
		if c.memory > 0 && peak > c.memory {
			t.Errorf("--memory %d: it took %d MiB", c.memory, peak)
		}
	}
}

// linkMemoryThreshold lets nearly every two records in: three million pairs.
const linkMemoryThreshold = "0.1"
