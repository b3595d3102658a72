package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing"
)

// What tests of runs in this process share: commands are called as their structs, because what has to be the same
// from run to run can be so only when their randomness is given.

// quietApp is an app without a terminal; what it says on standard error goes to errs.
func quietApp(errs *bytes.Buffer) *app {
	return &app{ui: newUI(strings.NewReader(""), new(bytes.Buffer), errs)}
}

// seeded is randomness that is the same for the same seed.
func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// writeKey makes a key for a project, the same in every run.
func writeKey(t *testing.T, path, project string) {
	t.Helper()
	key, err := hashing.NewKey(project, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, key.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustHash hashes with given randomness. Rows may be set aside.
func mustHash(t *testing.T, h hashRun) *hashSummary {
	t.Helper()
	var errs bytes.Buffer
	h.app = quietApp(&errs)
	if err := os.MkdirAll(h.out, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := h.run(context.Background())
	if s == nil {
		t.Fatalf("hash %s: %v\n%s", h.extract, err, &errs)
	}
	return s
}

// synthesise invents a borough and returns its folder and parties.
func synthesise(t *testing.T, people, practices int) (dir string, parties []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "borough")
	s := synthRun{app: quietApp(new(bytes.Buffer)), people: people, practices: practices, seed: 11, setting: "clean", council: "index"}
	sum, err := s.run(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range sum.Parties {
		parties = append(parties, p.Name)
	}
	writeKey(t, filepath.Join(dir, "project.key"), "borough")
	return dir, parties
}

// digestTree is the SHA-256 of each file under dir, by path.
func digestTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		sum := sha256.Sum256(text)
		out[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no file", dir)
	}
	return out
}

// sameTree wants two folders to hold the same files.
func sameTree(t *testing.T, name string, got, want map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] == "" {
			t.Errorf("%s: there is no %s", name, path)
		} else if got[path] != want[path] {
			t.Errorf("%s: %s differs", name, path)
		}
	}
	for path := range got {
		if want[path] == "" {
			t.Errorf("%s: %s is there too", name, path)
		}
	}
}
