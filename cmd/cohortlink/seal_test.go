package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"cohortlink/hashing"
)

// desk is a folder in which commands are run as a terminal would run them.
type desk struct {
	t   *testing.T
	dir string
}

// run runs a command. Words that name a file of the desk are its paths: those that begin with "@".
func (d desk) run(input string, words ...string) (code int, out, errs string) {
	d.t.Helper()
	var o, e bytes.Buffer
	a := &app{ui: newUI(strings.NewReader(input), &o, &e)}
	root := newRoot(a)
	for i, w := range words {
		if name, ok := strings.CutPrefix(w, "@"); ok {
			words[i] = d.path(name)
		}
	}
	root.SetArgs(words)
	root.SetOut(&o)
	root.SetErr(&e)
	code = a.ui.finish(root.ExecuteContext(d.t.Context()))
	return code, o.String(), e.String()
}

func (d desk) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// must runs a command that has to succeed, and returns its result.
func (d desk) must(words ...string) string {
	d.t.Helper()
	code, out, errs := d.run("", words...)
	if code != 0 {
		d.t.Fatalf("%v: exit %d\n%s", words, code, errs)
	}
	return out
}

// refuses runs a command that has to fail with a message, and to leave a file unwritten.
func (d desk) refuses(code int, want, unwritten string, words ...string) {
	d.t.Helper()
	got, _, errs := d.run("", words...)
	if got != code || !strings.Contains(errs, want) {
		d.t.Errorf("%v: exit %d, want %d with %q:\n%s", words, got, code, want, errs)
	}
	if _, err := os.Lstat(d.path(unwritten)); unwritten != "" && err == nil {
		d.t.Errorf("%v wrote %s all the same", words, unwritten)
		os.RemoveAll(d.path(unwritten))
	}
}

func (d desk) write(name, text string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d desk) read(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// invented people: enough that two extracts link.
func inventedExtract(from, to int) string {
	var b strings.Builder
	b.WriteString("forename,surname,birth_date,sex,postcode,nhs_number\n")
	for i := from; i < to; i++ {
		letter := func(n int) string { return string(rune('a' + n%26)) }
		fmt.Fprintf(&b, "F%s%sname,S%s%squill,19%02d-%02d-%02d,%s,RG40 %dX%s,\n", letter(i), letter(i*7+3), letter(i*11), letter(i*5+1), 10+i%80, 1+i%12, 1+i%28, "MF"[i%2:][:1], i%9+1, strings.ToUpper(letter(i*3)))
	}
	return b.String()
}

// newSealedDesk begins a project of two parties: the unit and each party have their identities, the unit has pinned both, and both hold the key.
func newSealedDesk(t *testing.T) desk {
	d := desk{t, t.TempDir()}
	d.must("project", "new", "@unit", "--name", "frail", "--party", "council", "--clean", "gp-1")
	pins := d.read("unit/unit.partners")
	for _, p := range []string{"council", "gp-1"} {
		pins += d.must("key", "new", "--signing", "--party", p, "-o", "@"+p+".identity")
	}
	d.write("unit/unit.partners", pins)
	d.must("key", "new", "--project", "@unit/project.yaml", "-o", "@project.key")
	d.write("council.csv", inventedExtract(0, 40))
	d.write("gp-1.csv", inventedExtract(20, 60))
	return d
}

func (d desk) hash(party, out string, more ...string) {
	d.t.Helper()
	if err := os.MkdirAll(d.path(out), 0o755); err != nil {
		d.t.Fatal(err)
	}
	d.must(append([]string{"hash", "@" + party + ".csv", "--project", "@unit/project.yaml", "--party", party, "--key", "@project.key", "--identity", "@" + party + ".identity", "-o", "@" + out}, more...)...)
}

func (d desk) link(out string, files ...string) []string {
	words := []string{"link", "--project", "@unit/project.yaml", "--identity", "@unit/unit.identity", "--partners", "@unit/unit.partners", "--threshold", "0.9", "-o", "@" + out}
	for _, f := range files {
		words = append(words, "@"+f)
	}
	return words
}

func TestSealedSession(t *testing.T) {
	d := newSealedDesk(t)
	for _, secret := range []string{"unit/unit.identity", "council.identity", "project.key"} {
		if info, err := os.Stat(d.path(secret)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", secret, info.Mode(), err)
		}
	}
	d.refuses(1, "exists; choose another name", "", "project", "new", "@unit", "--party", "a")
	d.refuses(1, "exists; choose another name", "", "key", "new", "--signing", "--party", "council", "-o", "@council.identity")

	d.hash("council", "a")
	d.hash("gp-1", "a")
	d.must(d.link("linked", "a/council.filters", "a/gp-1.filters")...)
	if _, err := os.Stat(d.path("linked/links/council.csv")); err == nil {
		t.Error("links are there unsealed too")
	}
	d.must("attach", "@council.csv", "--links", "@linked/links/council.links", "--map", "@a/council.map.csv", "--project", "@unit/project.yaml", "--identity", "@council.identity", "-o", "@council.linked.csv")
	if lines := strings.Count(d.read("council.linked.csv"), "\n"); lines != 41 {
		t.Errorf("%d lines attached", lines)
	}

	// What inspect may say with and without the unit's identity.
	if out := d.must("inspect", "@a/council.filters"); !strings.Contains(out, "sealed filters file") || strings.Contains(out, "records") {
		t.Errorf("without the identity:\n%s", out)
	}
	if out := d.must("inspect", "@a/council.filters", "--identity", "@unit/unit.identity", "--partners", "@unit/unit.partners"); !strings.Contains(out, "records                40") || !strings.Contains(out, "pinned") {
		t.Errorf("with it:\n%s", out)
	}
	whole := d.read("a/council.filters")
	d.write("cut.filters", whole[:len(whole)-100])
	d.refuses(1, "cut.filters: it was cut short", "", "inspect", "@cut.filters")
	if out := d.must("inspect", "@a/council.filters", "--partners", "@unit/unit.partners"); !strings.Contains(out, "without which --partners checks nothing") {
		t.Errorf("--partners alone:\n%s", out)
	}
	if out := d.must("inspect", "@linked/links/council.links", "--identity", "@council.identity"); !strings.Contains(out, `opened by "cohortlink attach"`) {
		t.Errorf("sealed links:\n%s", out)
	}
	own, pinned := d.must("inspect", "@council.identity"), d.must("inspect", "@unit/unit.partners")
	if fingerprint := strings.Fields(own)[len(strings.Fields(own))-1]; !strings.Contains(pinned, fingerprint) {
		t.Errorf("the fingerprint %s is not in\n%s", fingerprint, pinned)
	}

	// Links are the party's, of this run, and by this unit.
	attach := func(links, party string) []string {
		return []string{"attach", "@council.csv", "--links", "@" + links, "--map", "@a/council.map.csv", "--project", "@unit/project.yaml", "--identity", "@" + party + ".identity", "-o", "@no.csv"}
	}
	d.refuses(1, "not sealed for this identity", "no.csv", attach("linked/links/gp-1.links", "council")...)
	d.refuses(1, `has the links of party "gp-1"`, "no.csv", attach("linked/links/gp-1.links", "gp-1")...)
	d.hash("council", "b")
	d.must(d.link("relinked", "b/council.filters", "a/gp-1.filters")...)
	d.refuses(1, "is of another run of hash", "no.csv", attach("relinked/links/council.links", "council")...)
	d.refuses(2, "is sealed: name your identity", "no.csv", "attach", "@council.csv", "--links", "@linked/links/council.links", "--map", "@a/council.map.csv", "-o", "@no.csv")
	d.must("project", "new", "@false", "--name", "frail", "--party", "council", "--clean", "gp-1")
	d.refuses(1, "not the unit's in the project file", "no.csv", "attach", "@council.csv", "--links", "@linked/links/council.links", "--map", "@a/council.map.csv", "--project", "@false/project.yaml", "--identity", "@council.identity", "-o", "@no.csv")
}

// What the unit refuses, each before a folder is written.
func TestSealedLinkRefuses(t *testing.T) {
	d := newSealedDesk(t)
	d.hash("council", "a")
	d.hash("gp-1", "a")
	d.hash("council", "b")
	both := []string{"a/council.filters", "a/gp-1.filters"}

	d.refuses(2, "has its filters sealed", "no", "link", "@a/council.filters", "--project", "@unit/project.yaml", "-o", "@no")
	d.refuses(2, "both or neither", "no", "link", "@a/council.filters", "--partners", "@unit/unit.partners", "-o", "@no")
	d.refuses(1, "the identity that it is sealed for must open it", "no", "link", "@a/council.filters", "-o", "@no")
	d.refuses(1, "are the same file of party", "no", d.link("no", "a/council.filters", "a/council.filters")...)
	d.refuses(1, "give its newest file only", "no", d.link("no", "a/council.filters", "b/council.filters")...)

	d.write("cut.filters", d.read(both[0])[:7000])
	d.refuses(1, "it was cut short: 7000 of its", "no", d.link("no", "cut.filters")...)
	changed := []byte(d.read(both[0]))
	changed[len(changed)-40] ^= 1
	d.write("changed.filters", string(changed))
	d.refuses(1, "changed after it was sealed", "no", d.link("no", "changed.filters")...)
	d.write("relabelled.filters", strings.Replace(d.read(both[0]), `"party":"council"`, `"party":"gp-1"`, 1))
	d.refuses(1, `names the signing key of party "council"`, "no", d.link("no", "relabelled.filters")...)

	// The unit's own files are wrong.
	d.must("project", "new", "@other", "--name", "frail", "--party", "council", "--clean", "gp-1")
	words := d.link("no", both...)
	words[4] = "@other/unit.identity"
	d.refuses(1, "is not the identity of the unit that", "no", words...)
	words = append([]string{"link", "--identity", "@other/unit.identity", "--partners", "@unit/unit.partners", "-o", "@no"}, "@"+both[0])
	d.refuses(1, "not sealed for this identity", "no", words...)
	pins := d.read("unit/unit.partners")
	d.write("unit/unit.partners", pins[:strings.Index(pins, "gp-1 ")])
	d.refuses(1, `has no line for it`, "no", d.link("no", both...)...)
	d.must("key", "new", "--signing", "--party", "gp-1", "-o", "@gp-1.new")
	d.write("unit/unit.partners", pins[:strings.Index(pins, "gp-1 ")]+"gp-1 "+d.must("key", "new", "--signing", "--party", "gp-1", "-o", "@gp-1.newer")[len("gp-1 "):])
	d.refuses(1, `not the one pinned for party "gp-1"`, "no", d.link("no", both...)...)
	d.write("unit/unit.partners", pins)
	if runtime.GOOS != "windows" {
		if err := os.Chmod(d.path("unit/unit.identity"), 0o640); err != nil {
			t.Fatal(err)
		}
		d.refuses(1, "can be read by others", "no", d.link("no", both...)...)
		os.Chmod(d.path("unit/unit.identity"), 0o600)
	}

	// A file that comes again after its party has replaced it.
	d.must(d.link("first", both...)...)
	d.must(d.link("second", both...)...)
	d.must(d.link("third", "b/council.filters", "a/gp-1.filters")...)
	d.refuses(1, "was replaced by a newer file", "no", d.link("no", both...)...)
	if code, _, errs := d.run("", append(d.link("older", both...), "--accept-older")...); code != 0 || !strings.Contains(errs, "warning") {
		t.Errorf("accepted all the same: %d\n%s", code, errs)
	}
	d.refuses(1, "was replaced by a newer file", "no", d.link("no", both...)...)
	d.must(d.link("fourth", "b/council.filters", "a/gp-1.filters")...)
}

func TestHashSeals(t *testing.T) {
	d := newSealedDesk(t)
	hash := []string{"hash", "@council.csv", "--project", "@unit/project.yaml", "--party", "council", "--key", "@project.key", "-o", "@."}
	d.refuses(2, "name your identity", "council.filters", append(hash[:len(hash):len(hash)], "--project", "@unit/project.yaml")...)
	for _, wrong := range []string{"project.key", "council.csv"} {
		d.refuses(1, "not an identity file", "council.filters", append(hash[:len(hash):len(hash)], "--identity", "@"+wrong)...)
	}

	// Without a unit there is nobody to seal for, and hash says so.
	var open []string
	for line := range strings.Lines(d.read("unit/project.yaml")) {
		if !strings.HasPrefix(line, "unit") {
			open = append(open, line)
		}
	}
	d.write("open.yaml", strings.Join(open, ""))
	clear := []string{"hash", "@council.csv", "--project", "@open.yaml", "--party", "council", "--key", "@project.key", "-o", "@."}
	d.refuses(1, `is the identity of party "gp-1", and the extract is hashed for party "council"`, "council.filters", append(hash[:len(hash):len(hash)], "--project", "@unit/project.yaml", "--identity", "@gp-1.identity")...)
	d.refuses(1, "there is nothing to sign", "council.filters", append(clear[:len(clear):len(clear)], "--identity", "@council.identity")...)
	code, _, errs := d.run("", clear...)
	if code != 0 || !strings.Contains(errs, "warning") || !strings.Contains(errs, "unsealed and unsigned") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	d.refuses(1, "is not sealed, so that nobody knows who sent it", "no", d.link("no", "council.filters")...)

	// A recipient with a slip in it is seen before an hour's work.
	d.write("unit/project.yaml", strings.Replace(d.read("unit/project.yaml"), "age1pq1", "age1pq1q", 1))
	d.refuses(1, "unit is not an age public key", "gp-1.filters", "hash", "@gp-1.csv", "--project", "@unit/project.yaml", "--party", "gp-1", "--key", "@project.key", "--identity", "@gp-1.identity", "-o", "@.")
}

func TestKeyTravels(t *testing.T) {
	d := newSealedDesk(t)
	passphrase := d.must("key", "wrap", "@project.key", "-o", "@wrapped")
	code, fingerprint, errs := d.run(passphrase, "key", "unwrap", "@wrapped", "-o", "@gp.key")
	if code != 0 || d.read("gp.key") != d.read("project.key") || !strings.Contains(d.must("inspect", "@wrapped"), strings.TrimSpace(fingerprint)) {
		t.Errorf("exit %d: %s", code, errs)
	}
	if strings.Contains(errs+fingerprint, passphrase[:9]) {
		t.Error("the passphrase is shown")
	}
	d.write("passphrase", passphrase)
	d.must("key", "unwrap", "@wrapped", "--passphrase-file", "@passphrase", "-o", "@gp2.key")
	d.refuses(2, "no passphrase on standard input", "no.key", "key", "unwrap", "@wrapped", "-o", "@no.key")
	d.refuses(1, "is wrapped", "council.filters", "hash", "@council.csv", "--project", "@unit/project.yaml", "--party", "council", "--key", "@wrapped", "--identity", "@council.identity", "-o", "@.")
	if code, _, errs := d.run("aaaa-aaaa-aaaa-aaaa-aaaa-aaaa\n", "key", "unwrap", "@wrapped", "-o", "@no.key"); code != 1 || !strings.Contains(errs, "slip") {
		t.Errorf("exit %d: %s", code, errs)
	}
	d.write("lie", strings.Replace(d.read("wrapped"), `"project":"frail"`, `"project":"other"`, 1))
	if code, _, errs := d.run(passphrase, "key", "unwrap", "@lie", "-o", "@no.key"); code != 1 || !strings.Contains(errs, "or the file was changed") {
		t.Errorf("exit %d: %s", code, errs)
	}

	d.must("key", "wrap", "@project.key", "--to", "gp-1", "--partners", "@unit/unit.partners", "-o", "@for-gp-1")
	d.refuses(2, "key unwrap "+d.path("for-gp-1")+" --identity PARTY.identity -o project.key", "no.key", "key", "unwrap", "@for-gp-1", "-o", "@no.key")
	d.refuses(1, "is a project key already", "no.key", "key", "unwrap", "@project.key", "-o", "@no.key")
	d.must("key", "unwrap", "@for-gp-1", "--identity", "@gp-1.identity", "-o", "@gp3.key")
	if d.read("gp3.key") != d.read("project.key") {
		t.Error("another key was unsealed")
	}
	d.refuses(1, "not sealed for this identity", "no.key", "key", "unwrap", "@for-gp-1", "--identity", "@council.identity", "-o", "@no.key")
	d.refuses(2, "name your identity", "no.key", "key", "unwrap", "@for-gp-1", "-o", "@no.key")
	d.write("lie", strings.Replace(d.read("for-gp-1"), `"project":"frail"`, `"project":"other"`, 1))
	d.refuses(1, "holds another key than its header says", "no.key", "key", "unwrap", "@lie", "--identity", "@gp-1.identity", "-o", "@no.key")
	d.refuses(1, `no age key for party "gp-9"`, "no", "key", "wrap", "@project.key", "--to", "gp-9", "--partners", "@unit/unit.partners", "-o", "@no")
}

// keyShown reports whether text shows eight bytes of a project key in a form that fmt, slog or JSON has for them.
func keyShown(text string, secret []byte) bool {
	for _, form := range []string{"%v", "%x", "%X", "%q", "%s", "%#v"} {
		s := strings.TrimPrefix(fmt.Sprintf(form, secret[:8]), "[]byte{")
		if strings.Contains(text, strings.Trim(s, `[]"{}`)) {
			return true
		}
	}
	return false
}

// A project key cannot be printed by accident, alone or inside other values, nor by a panic.
func TestKeyIsNotPrinted(t *testing.T) {
	secret := make([]byte, hashing.KeyBytes)
	rand.Read(secret)
	key, err := hashing.NewKey("frail", bytes.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	if const8 := fmt.Sprintf("%x", secret); !keyShown(const8, secret) {
		t.Fatal("the test does not know a key when it sees one")
	}
	type nested struct {
		in any
		p  *hashing.Key
		v  hashing.Key
	}
	for _, v := range []any{key, *key, nested{key, key, *key}, &nested{*key, key, *key}, []hashing.Key{*key}, map[string]any{"k": *key}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if keyShown(out.String(), secret) {
			t.Errorf("a %T shows the key", v)
		}
	}

	cmd := exec.Command(os.Args[0], "-test.run=^TestKeyPanics$")
	in := hex.EncodeToString(secret)
	cmd.Stdin = strings.NewReader(in)
	cmd.Env = append(os.Environ(), "COHORTLINK_TEST_PANIC=1", "GOTRACEBACK=all")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("panicWithKey")) {
		t.Fatalf("the child did not panic: %v\n%s", err, out)
	}
	if keyShown(string(out), secret) {
		t.Error("a panic shows the key")
	}
}

// TestKeyPanics is the child of TestKeyIsNotPrinted.
func TestKeyPanics(t *testing.T) {
	if os.Getenv("COHORTLINK_TEST_PANIC") == "" {
		t.Skip("run by TestKeyIsNotPrinted")
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(string(in))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hashing.NewKey("frail", bytes.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	panicWithKey(*key)
}

//go:noinline
func panicWithKey(k hashing.Key) { panic(k) }
