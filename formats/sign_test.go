package formats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestIdentityRoundTrip(t *testing.T) {
	i := testParty()
	for _, text := range [][]byte{i.Text(), bytes.ReplaceAll(i.Text(), []byte("\n"), []byte("\r\n"))} {
		j, err := ParseIdentity("i", text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(j.Text(), i.Text()) || j.Public().String() != i.Public().String() || j.Public().Fingerprint() != i.Public().Fingerprint() {
			t.Error("another identity was read than was written")
		}
	}
	if testParty().Public().Fingerprint() == testOther().Public().Fingerprint() {
		t.Error("two identities have one fingerprint")
	}
}

// An identity may say whose it is, which decides nothing about its keys.
func TestIdentityParty(t *testing.T) {
	named, err := NewIdentity("gp-03")
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseIdentity("i", named.Text())
	if err != nil || read.Party() != "gp-03" || !bytes.Equal(read.Text(), named.Text()) {
		t.Errorf("read party %q, %v", read.Party(), err)
	}
	if testUnit().Party() != "" {
		t.Errorf("the unit's identity is of party %q", testUnit().Party())
	}
	if _, err := NewIdentity("GP 3"); err == nil {
		t.Error("an identity for no name of a party was made")
	}
	bad := bytes.Replace(named.Text(), []byte("party: gp-03"), []byte("party: GP 3"), 1)
	if _, err := ParseIdentity("i", bad); err == nil || !strings.Contains(err.Error(), "party line") {
		t.Errorf("a name of no party was read: %v", err)
	}
}

func TestIdentityRefuses(t *testing.T) {
	text, other := string(testParty().Text()), strings.Split(string(testOther().Text()), "\n")
	lines := strings.Split(text, "\n")
	for want, bad := range map[string]string{
		"not an identity file: its first":     "cohortlink project key, version 1\n",
		"of another version":                  strings.Replace(text, "version 1", "version 2", 1),
		"far too long":                        text + strings.Repeat("#", maxIdentity),
		"its signing line is not complete":    strings.Replace(text, lines[5], lines[5][:30], 1),
		"its opening line is not complete":    strings.Replace(text, lines[6], lines[6][:30], 1),
		"its lines do not belong together":    strings.Replace(text, lines[2], other[2], 1),
		"or were changed":                     text + "\n",
		"do not belong together, or were cha": strings.Replace(text, lines[1], "# mine", 1),
	} {
		_, err := ParseIdentity("i", []byte(bad))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if err != nil && holdsSecret(err.Error(), testParty()) {
			t.Errorf("the message for %q shows a secret", want)
		}
	}
}

// holdsSecret reports whether text shows ten characters in a row of a secret line, or its bytes in one of the forms that fmt has for them.
func holdsSecret(text string, i *Identity) bool {
	lines := strings.Split(string(i.Text()), "\n")
	sign, _ := i.secret()
	shown := []string{lines[5][9:19], lines[6][9+18:][:10]}
	for _, form := range []string{"%v", "%x", "%X", "%q", "%s"} {
		s := fmt.Sprintf(form, sign.Seed()[:8])
		shown = append(shown, strings.Trim(s, `[]"`))
	}
	for _, s := range shown {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// An identity cannot be printed by accident, alone or inside other values.
func TestIdentityIsNotPrinted(t *testing.T) {
	i := testParty()
	if !holdsSecret(string(i.Text()), i) {
		t.Fatal("the test does not know a secret when it sees one")
	}
	type nested struct {
		in any
		id *Identity
		by Identity
	}
	for _, v := range []any{i, *i, nested{i, i, *i}, &nested{*i, i, *i}, []*Identity{i}, map[string]Identity{"a": *i}, Opening{Identity: i}, &sealWriter{by: i}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if holdsSecret(out.String(), i) {
			t.Errorf("a %T shows its secret", v)
		}
	}
}

// A panic prints its value and the arguments of every call on the stack.
func TestIdentityIsNotInAPanic(t *testing.T) {
	const child, file = "COHORTLINK_TEST_PANIC", "COHORTLINK_TEST_PANIC_IDENTITY"
	if os.Getenv(child) != "" {
		text, err := os.ReadFile(os.Getenv(file))
		if err != nil {
			t.Fatal(err)
		}
		i, err := ParseIdentity("i", text)
		if err != nil {
			t.Fatal(err)
		}
		panicWith(*i)
	}
	path := t.TempDir() + "/identity"
	if err := os.WriteFile(path, testParty().Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestIdentityIsNotInAPanic$")
	cmd.Env = append(os.Environ(), child+"=1", file+"="+path, "GOTRACEBACK=all")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("panicWith")) {
		t.Fatalf("the child did not panic: %v", err)
	}
	if holdsSecret(string(out), testParty()) {
		t.Error("a panic shows the secret")
	}
}

//go:noinline
func panicWith(i Identity) { panic(i) }

func TestPartners(t *testing.T) {
	a, b := testParty().Public(), testOther().Public()
	text := fmt.Sprintf("\ufeff# pins\r\ngp-03\t%s  \r\n\r\n  gp-04 %s", a, b.Signs)
	p, err := ParsePartners("unit.partners", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := p.Of("gp-03"); !ok || got.String() != a.String() {
		t.Error("gp-03 is not as it was written")
	}
	if got, ok := p.Of("gp-04"); !ok || got.Recipient != nil || got.Signs != b.Signs {
		t.Error("gp-04 is not as it was written")
	}
	if _, ok := p.Of("gp-05"); ok {
		t.Error("there is a gp-05")
	}
	for want, bad := range map[string]string{
		"line 1: a line of a partners file is": "gp-03\n",
		"line 2: a line of a partners file is": "#\n" + "gp-03 " + a.String() + " x\n",
		"line 1: the name of the party must":   "../x " + a.String() + "\n",
		"line 1: the second word is not a":     "gp-03 " + strings.ToUpper(a.Signs.String()) + "\n",
		"line 1: the third word is not an age": "gp-03 " + a.String()[:200] + "\n",
		"the third word is an age key of a ki": "gp-03 " + a.Signs.String() + " age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n",
		`line 2: party "gp-03" has a line`:     fmt.Sprintf("gp-03 %s\ngp-03 %s\n", a, b),
		`party "gp-03" has the same signing`:   fmt.Sprintf("gp-03 %s\ngp-04 %s\n", a, a),
	} {
		if _, err := ParsePartners("unit.partners", []byte(bad)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, secret := range strings.Split(string(testParty().Text()), "\n")[5:7] { // a line of the identity, put where the public one belongs
		if _, err := ParsePartners("p", []byte("gp-03 "+secret)); err == nil || holdsSecret(err.Error(), testParty()) {
			t.Error("a secret in a partners file is accepted or shown")
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(testParty().Text())
	if named, err := NewIdentity("gp-03"); err == nil {
		f.Add(named.Text())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := ParseIdentity("i", b)
		if err == nil && !bytes.Equal(i.Text(), bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) {
			t.Fatal("writing what was read gives other bytes")
		}
	})
}

func FuzzPartners(f *testing.F) {
	f.Add(fmt.Appendf(nil, "gp-03 %s\n# x\ngp-04 %s\n", testParty().Public(), testOther().Public().Signs))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePartners("p", b)
		if err != nil {
			return
		}
		var again []byte
		for _, q := range p.Parties {
			again = fmt.Appendf(again, "%s %s\n", q.Party, q.Public)
		}
		q, err := ParsePartners("p", again)
		if err != nil || len(q.Parties) != len(p.Parties) {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}
