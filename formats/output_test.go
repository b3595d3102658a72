package formats

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// onlyThese fails when the folder holds anything but the given names: a hidden file left behind is a failure.
func onlyThese(t *testing.T, folder string, want ...string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func mustCreate(t *testing.T, path string, o CreateOptions) *Output {
	t.Helper()
	out, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOutputAppearsAtCommit(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.csv")
	out := mustCreate(t, path, CreateOptions{Mode: 0o600})
	out.Write([]byte("hello"))
	if _, err := os.Stat(path); err == nil {
		t.Fatal("the file has its name before Commit")
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	out.Abort()
	if b, _ := os.ReadFile(path); string(b) != "hello" {
		t.Errorf("the file holds %q", b)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	if _, err := out.Write([]byte("x")); err == nil {
		t.Error("Write after Commit did not fail")
	}
	if out.Commit() == nil {
		t.Error("a second Commit did not fail")
	}
	onlyThese(t, folder, "a.csv")
}

func TestOutputAbortLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	out := mustCreate(t, filepath.Join(folder, "a.csv"), CreateOptions{})
	out.Write([]byte("hello"))
	out.Abort()
	out.Abort()
	if err := out.Commit(); !errors.Is(err, ErrAborted) {
		t.Errorf("Commit after Abort: %v", err)
	}
	onlyThese(t, folder)
}

func TestOutputDoesNotReplace(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.csv")
	out := mustCreate(t, path, CreateOptions{}) // nothing there yet
	out.Write([]byte("mine"))
	if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Commit over a file made meanwhile: %v", err)
	}
	if _, err := Create(path, CreateOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a file: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "theirs" {
		t.Errorf("the file holds %q", b)
	}
	out = mustCreate(t, path, CreateOptions{Overwrite: true})
	out.Write([]byte("mine"))
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("the file holds %q", b)
	}
	onlyThese(t, folder, "a.csv")
}

// Many programs commit the same name at once: one wins, whole, and the others are told.
func TestOutputRace(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.csv")
	var wg sync.WaitGroup
	errs := make([]error, 16)
	outs := make([]*Output, len(errs))
	for i := range outs {
		outs[i] = mustCreate(t, path, CreateOptions{})
		outs[i].Write([]byte{byte('a' + i)})
	}
	for i, out := range outs {
		wg.Go(func() { errs[i] = out.Commit() })
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		if err == nil && won >= 0 {
			t.Fatal("two Commits took the same name")
		} else if err == nil {
			won = i
		} else if !errors.Is(err, fs.ErrExist) {
			t.Errorf("loser: %v", err)
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	if b, _ := os.ReadFile(path); string(b) != string(rune('a'+won)) {
		t.Errorf("the file holds %q, the winner wrote %q", b, string(rune('a'+won)))
	}
	onlyThese(t, folder, "a.csv")
}

func TestOutputIsNoInput(t *testing.T) {
	folder := t.TempDir()
	in := filepath.Join(folder, "in.csv")
	os.WriteFile(in, []byte("keep"), 0o644)
	other := filepath.Join(folder, "other.csv")
	if err := os.Link(in, other); err != nil {
		t.Skip("no hard links here: ", err)
	}
	for _, path := range []string{in, other, folder + "/./in.csv"} {
		if _, err := Create(path, CreateOptions{Overwrite: true, Inputs: []string{in}}); err == nil || !strings.Contains(err.Error(), "also an input") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if b, _ := os.ReadFile(in); string(b) != "keep" {
		t.Error("the input was changed")
	}
}

func TestOutputPlaces(t *testing.T) {
	folder := t.TempDir()
	os.Symlink(filepath.Join(folder, "nowhere"), filepath.Join(folder, "link"))
	for path, want := range map[string]string{
		folder:                                 "is a folder",
		filepath.Join(folder, "missing", "a"):  "there is no folder",
		filepath.Join(folder, "missing", "\r"): `\r"`,
	} {
		if _, err := Create(path, CreateOptions{Overwrite: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	for _, path := range []string{filepath.Join(folder, "link"), os.DevNull} {
		if _, err := os.Lstat(path); err != nil {
			continue // Windows: no right to make a link, and NUL is no file
		}
		if _, err := Create(path, CreateOptions{Overwrite: true}); err == nil || !strings.Contains(err.Error(), "a link or a device") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestOutputDir(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "linked")
	d, err := CreateDir(path+string(filepath.Separator), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Create("links/gp-03.csv", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	out.Write([]byte("x"))
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create("../outside.csv", 0); err == nil {
		t.Error("a file outside the folder was begun")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the folder has its name before Commit")
	}
	if err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	d.Abort()
	if b, _ := os.ReadFile(filepath.Join(path, "links", "gp-03.csv")); string(b) != "x" {
		t.Errorf("the file holds %q", b)
	}
	if _, err := d.Create("late", 0); err == nil {
		t.Error("a file was begun after Commit")
	}
	if _, err := CreateDir(path, 0); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing folder: %v", err)
	}
	onlyThese(t, folder, "linked")
}

func TestOutputDirUnfinished(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "linked")
	d, err := CreateDir(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Create("people.parquet", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(); err == nil || !strings.Contains(err.Error(), filepath.Join("linked", "people.parquet")) {
		t.Errorf("Commit with an unfinished file: %v", err)
	}
	if err := out.Commit(); err == nil {
		t.Error("the file was committed into a folder that is gone")
	}
	onlyThese(t, folder)

	d, _ = CreateDir(path, 0)
	os.MkdirAll(filepath.Join(path, "theirs"), 0o755)
	if err := d.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Commit over a folder made meanwhile: %v", err)
	}
	onlyThese(t, folder, "linked")
}

func TestAbortAll(t *testing.T) {
	defer func() { unfinished.stopped, unfinished.folders = false, nil }()
	folder := t.TempDir()
	kept := mustCreate(t, filepath.Join(folder, "kept"), CreateOptions{})
	if err := kept.Commit(); err != nil {
		t.Fatal(err)
	}
	out := mustCreate(t, filepath.Join(folder, "a"), CreateOptions{})
	d, err := CreateDir(filepath.Join(folder, "b"), 0)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := d.Create("c/d", 0)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	started := make(chan struct{})
	wg.Go(func() { // somebody is still writing when the interrupt comes
		for n := 0; ; n++ {
			if _, err := inside.Write(make([]byte, 1<<12)); err != nil {
				if !errors.Is(err, ErrAborted) {
					t.Errorf("Write: %v", err)
				}
				return
			}
			if n == 100 {
				close(started)
			}
		}
	})
	<-started
	AbortAll()
	wg.Wait()
	if err := out.Commit(); !errors.Is(err, ErrAborted) {
		t.Errorf("Commit: %v", err)
	}
	if err := d.Commit(); !errors.Is(err, ErrAborted) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := Create(filepath.Join(folder, "late"), CreateOptions{}); !errors.Is(err, ErrAborted) {
		t.Errorf("Create: %v", err)
	}
	if _, err := CreateDir(filepath.Join(folder, "late"), 0); !errors.Is(err, ErrAborted) {
		t.Errorf("CreateDir: %v", err)
	}
	onlyThese(t, folder, "kept")

	// Another way into the folder: a file that was begun while it was removed.
	if err := os.MkdirAll(d.Folder(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Folder(), "late"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	AbortAll()
	onlyThese(t, folder, "kept")
	if len(unfinished.open) != 0 {
		t.Errorf("%d outputs still in the list", len(unfinished.open))
	}
}

// Where there are no hard links, the name is taken with an empty file first; the rest of the promise is the same.
func TestOutputWithoutHardLinks(t *testing.T) {
	folder := t.TempDir()
	// A folder cannot be hard-linked, so that os.Link fails here as it does on FAT, with something other than "exists".
	temp, place := filepath.Join(folder, ".t"), filepath.Join(folder, "place")
	os.Mkdir(temp, 0o755)
	if err := putInPlace(temp, place, false); err == nil {
		t.Fatal("a folder replaced a file")
	}
	onlyThese(t, folder, ".t") // the empty file that held the name is gone again
	os.WriteFile(place, []byte("theirs"), 0o644)
	if err := putInPlace(temp, place, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if b, _ := os.ReadFile(place); string(b) != "theirs" {
		t.Errorf("the file holds %q", b)
	}
}

// Files that belong together all appear, or none: when one cannot, those before it are taken back and those after it aborted.
func TestCommitAll(t *testing.T) {
	folder := t.TempDir()
	begin := func() (outs []*Output) {
		for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
			o := mustCreate(t, filepath.Join(folder, name), CreateOptions{})
			io.WriteString(o, name)
			outs = append(outs, o)
		}
		return outs
	}
	outs := begin()
	if err := os.WriteFile(filepath.Join(folder, "b.csv"), []byte("somebody else's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CommitAll(outs...); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "b.csv exists") {
		t.Errorf("got %v", err)
	}
	onlyThese(t, folder, "b.csv")
	if err := os.Remove(filepath.Join(folder, "b.csv")); err != nil {
		t.Fatal(err)
	}
	outs = begin()
	outs[2].Abort()
	if err := CommitAll(outs...); !errors.Is(err, ErrAborted) {
		t.Errorf("got %v", err)
	}
	onlyThese(t, folder)
	if err := CommitAll(begin()...); err != nil {
		t.Error(err)
	}
	onlyThese(t, folder, "a.csv", "b.csv", "c.csv")
}
