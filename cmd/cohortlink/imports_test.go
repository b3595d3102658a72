package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "cohortlink"

// rooms is the whole import graph: which of our own packages each package may
// import, tests aside. The wall: nothing under linkage or formats reaches hashing,
// on any path, so that the side that links cannot be compiled against a name or a
// key.
var rooms = map[string][]string{
	"cmd/cohortlink": {
		"cmd/cohortlink/internal/borough", "formats", "hashing", "hashing/audit", "hashing/clkhash", "hashing/norm", "hashing/profile",
		"linkage", "linkage/cohort", "linkage/overlap", "linkage/quality",
	},
	"cmd/cohortlink/internal/borough": {},
	"formats":                         {"linkage", "linkage/cohort", "linkage/quality"},
	"hashing":                         {"hashing/norm"},
	"hashing/audit":                   {"hashing", "hashing/norm", "linkage/overlap"},
	"hashing/clkhash":                 {},
	"hashing/norm":                    {},
	"hashing/profile":                 {"hashing", "hashing/norm"},
	"linkage":                         {"linkage/overlap"},
	"linkage/cohort":                  {},
	"linkage/overlap":                 {},
	"linkage/quality":                 {},
}

// imports reads from the sources below root which of our packages each package
// imports, tests aside. Sources are read, not built, so that build tags hide
// nothing.
func imports(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			// A folder with a module of its own, and what go itself passes over.
			_, sub := os.Stat(filepath.Join(p, "go.mod"))
			if p != root && (sub == nil || name == "testdata" || name == "scratch" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		if found[pkg] == nil {
			found[pkg] = []string{}
		}
		for _, i := range f.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(to, module+"/"); ok && !slices.Contains(found[pkg], ours) {
				found[pkg] = append(found[pkg], ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// breaches says where an import graph leaves the table, or passes the wall.
func breaches(found map[string][]string) []string {
	var out []string
	for pkg, to := range found {
		allowed, known := rooms[pkg]
		if !known {
			out = append(out, pkg+" is in no room: add it to the table, or to a room")
		}
		for _, i := range to {
			if !slices.Contains(allowed, i) {
				out = append(out, pkg+" imports "+i)
			}
		}
	}
	for pkg := range found {
		if !within(pkg, "linkage") && !within(pkg, "formats") {
			continue
		}
		for _, reached := range reach(found, pkg, map[string]bool{}) {
			if within(reached, "hashing") {
				out = append(out, "the wall is broken: "+pkg+" reaches "+reached)
			}
		}
	}
	slices.Sort(out)
	return out
}

func within(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }

func reach(found map[string][]string, pkg string, seen map[string]bool) []string {
	var out []string
	for _, to := range found[pkg] {
		if !seen[to] {
			seen[to] = true
			out = append(append(out, to), reach(found, to, seen)...)
		}
	}
	return out
}

func TestRooms(t *testing.T) {
	found := imports(t, filepath.Join("..", ".."))
	if len(found) < len(rooms) {
		t.Errorf("found %d packages, where the table has %d: a room that is gone leaves the table too", len(found), len(rooms))
	}
	for _, b := range breaches(found) {
		t.Error(b)
	}
}

// An import planted in a copy of the tree's shape has to be noticed, directly and
// through another package.
func TestRoomsNoticePlantedImports(t *testing.T) {
	for _, c := range []struct{ name, file, imports, want string }{
		{"linkage", "linkage/planted.go", "hashing", "the wall is broken: linkage reaches hashing"},
		{"formats", "formats/planted.go", "hashing/norm", "the wall is broken: formats reaches hashing/norm"},
		{"below", "linkage/overlap/planted.go", "hashing", "the wall is broken: formats reaches hashing"},
		{"tagged", "linkage/cohort/planted_windows.go", "hashing", "linkage/cohort imports hashing"},
		{"new room", "helpers/planted.go", "hashing", "helpers is in no room: add it to the table, or to a room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			plant := func(file string, imports ...string) {
				p := filepath.Join(root, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				text := "package " + path.Base(path.Dir(file)) + "\n"
				for _, i := range imports {
					text += "import _ " + strconv.Quote(module+"/"+i) + "\n"
				}
				if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for pkg, to := range rooms {
				plant(pkg+"/room.go", to...)
			}
			if b := breaches(imports(t, root)); len(b) > 0 {
				t.Fatalf("the table itself: %v", b)
			}
			plant(c.file, c.imports)
			if b := breaches(imports(t, root)); !slices.Contains(b, c.want) {
				t.Errorf("breaches are %v, want %q among them", b, c.want)
			}
		})
	}
}
