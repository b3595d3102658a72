package hashing

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"pgregory.net/rapid"
)

// testKey is a key of plain bytes: it protects nobody.
func testKey(t testing.TB, project string) *Key {
	t.Helper()
	secret := make([]byte, KeyBytes)
	for i := range secret {
		secret[i] = byte(0xa1 + 7*i)
	}
	k, err := NewKey(project, bytes.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sameKey(a, b *Key) bool { return a.project == b.project && bytes.Equal(a.secret(), b.secret()) }

func TestKeyFileRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		project := rapid.StringMatching(namePattern.String()).Draw(t, "project")
		secret := rapid.SliceOfN(rapid.Byte(), KeyBytes, KeyBytes).Draw(t, "secret")
		k, err := NewKey(project, bytes.NewReader(secret))
		if err != nil {
			t.Fatal(err)
		}
		text := k.Text()
		if len(text) > 300 {
			t.Errorf("a key file of %d bytes", len(text))
		}
		back, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if !sameKey(k, back) || !bytes.Equal(back.Text(), text) || k.Fingerprint() != back.Fingerprint() {
			t.Error("the key file reads as another key")
		}
	})
}

// TestKeyFileDamage changes, drops and doubles every character of a key file, and
// cuts it short at each. None gives another key; and outside the comment, none that
// is more than case or white space goes unnoticed. Without its fingerprint line the
// checksum alone has to notice.
func TestKeyFileDamage(t *testing.T) {
	k := testKey(t, "borough-2_b")
	text := string(k.Text())
	damage(t, k, text)
	lines := strings.SplitAfter(text, "\n")
	damage(t, k, strings.Join(slices.Delete(lines, 2, 3), ""))
}

func damage(t *testing.T, k *Key, text string) {
	comment := strings.Index(text, "#")
	commentEnd := comment + strings.IndexByte(text[comment:], '\n')
	const (
		refused = iota
		forgiven
		either // what a comment says, or whether a line is one
	)
	tried := 0
	try := func(i int, damaged string, want int) {
		tried++
		back, err := ParseKey([]byte(damaged))
		switch {
		case err == nil && !sameKey(k, back):
			t.Errorf("damage at character %d gives another key", i)
		case err == nil && want == refused:
			t.Errorf("damage at character %d goes unnoticed", i)
		case err != nil && want == forgiven:
			t.Errorf("character %d: %v", i, err)
		}
	}
	for i := range len(text) {
		c := text[i]
		inComment := i >= comment && i < commentEnd
		last := i == len(text)-1
		for r := byte(1); r < 0x80; r++ {
			want := refused
			switch {
			case r == c:
				continue
			case inComment, r == '#' && strings.HasPrefix(text[i:], "fingerprint:"):
				want = either
			case unicode.ToUpper(rune(r)) == unicode.ToUpper(rune(c)),
				unicode.IsSpace(rune(c)) && unicode.IsSpace(rune(r)) && (last || c != '\n' && r != '\n'):
				want = forgiven
			}
			try(i, text[:i]+string(rune(r))+text[i+1:], want)
		}
		if !inComment && !unicode.IsSpace(rune(c)) {
			try(i, text[:i]+text[i+1:], refused)
			try(i, text[:i]+text[i:i+1]+text[i:], refused)
		}
		if last {
			try(i, text[:i], forgiven) // only the last line end is missing
		} else {
			try(i, text[:i], refused)
		}
	}
	if tried < 200*126 {
		t.Errorf("only %d damaged key files tried", tried)
	}
}

func TestKeyFileAsTyped(t *testing.T) {
	k := testKey(t, "borough")
	text := string(k.Text())
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for name, typed := range map[string]string{
		"CRLF":                  strings.ReplaceAll(text, "\n", "\r\n"),
		"byte order mark":       "\ufeff" + text,
		"lower case":            strings.ToLower(text),
		"upper case":            strings.ToUpper(text),
		"no spaces in the key":  strings.Join(lines[:4], "\n") + "\nkey:" + strings.ReplaceAll(lines[4][4:], " ", ""),
		"tabs and wide spaces":  strings.ReplaceAll(strings.ReplaceAll(text, " ", "\u00a0"), ":", "\t:\t"),
		"spaces between":        strings.Join(lines[:4], "\n") + "\nkey: " + strings.Join(strings.Split(lines[4][5:], ""), " "),
		"blank lines, comments": strings.Join(lines, "\n\n# a note\n  \n"),
		"other order":           strings.Join([]string{lines[0], lines[4], lines[2], lines[1]}, "\n"),
		"no fingerprint":        strings.Join([]string{lines[0], lines[1], lines[4]}, "\n"),
	} {
		back, err := ParseKey([]byte(typed))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !sameKey(k, back) {
			t.Errorf("%s: another key", name)
		}
	}
}

func TestKeyFileRefused(t *testing.T) {
	text := string(testKey(t, "borough").Text())
	other := string(testKey(t, "another").Text())
	line := func(text string, i int) string { return strings.SplitAfter(text, "\n")[i] }
	for name, c := range map[string]struct{ text, want string }{
		"empty":                 {"", "not a key file"},
		"another file":          {"rid,forename\n1,x\n", "not a key file"},
		"too long":              {text + strings.Repeat("#\n", maxKeyFile), "far too long"},
		"version 2":             {strings.Replace(text, "version 1", "version 2", 1), "another version"},
		"version 10":            {strings.Replace(text, "version 1", "version 10", 1), "another version"},
		"no version":            {strings.Replace(text, "version 1", "version", 1), "not a key file"},
		"project edited":        {strings.Replace(text, "project: borough", "project: another", 1), "checksum"},
		"key line of another":   {strings.Replace(text, line(text, 4), line(other, 4), 1), "checksum"},
		"other's fingerprint":   {strings.Replace(text, line(text, 2), line(other, 2), 1), "that of another key"},
		"empty fingerprint":     {strings.Replace(text, line(text, 2), "fingerprint:\n", 1), "that of another key"},
		"no project":            {strings.Replace(text, line(text, 1), "", 1), "does not name its project"},
		"project is no name":    {strings.Replace(text, "project: borough", "project: ../borough", 1), "does not name its project"},
		"no key":                {strings.Replace(text, line(text, 4), "", 1), "not complete"},
		"half a key":            {text[:len(text)-30], "not complete"},
		"two keys":              {text + line(other, 4), "line 6"},
		"another line":          {text + "party: gp-03\n", "line 6"},
		"a line without a name": {text + "PLEASE KEEP\n", "line 6"},
		"two files in one":      {text + other, "line 6"},
	} {
		k, err := ParseKey([]byte(c.text))
		if err == nil || k != nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want it to say %q", name, err, c.want)
		}
	}
}

// TestKeyErrorsHideTheFile: what is wrong with a key file is said without any of it.
func TestKeyErrorsHideTheFile(t *testing.T) {
	text := string(testKey(t, "borough").Text())
	key := strings.TrimSpace(text[strings.Index(text, "key: ")+5:])
	for i := 0; i < len(text); i += 3 {
		for _, damaged := range []string{text[:i] + "~" + text[i:], text[:i] + "\n" + text[i:], text[:i], text[i:]} {
			_, err := ParseKey([]byte(damaged))
			if err == nil {
				continue
			}
			for _, group := range strings.Fields(key) {
				if strings.Contains(strings.ToUpper(err.Error()), group) {
					t.Fatalf("an error shows part of the key (damage at %d)", i)
				}
			}
		}
	}
}

func TestNewKeyRefuses(t *testing.T) {
	random := bytes.NewReader(bytes.Repeat([]byte{7}, 1000))
	for _, project := range []string{"", "Borough", "1borough", "bor ough", "borough\n", "b/c", "é", strings.Repeat("a", 64)} {
		if _, err := NewKey(project, random); err == nil {
			t.Errorf("a key for project %q", project)
		}
	}
	if _, err := NewKey("borough", bytes.NewReader(make([]byte, KeyBytes-1))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short source of randomness: %v", err)
	}
	broken := errors.New("no entropy")
	if _, err := NewKey("borough", iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken source of randomness: %v", err)
	}
}

func TestFingerprintsDiffer(t *testing.T) {
	a, b := testKey(t, "borough"), testKey(t, "another")
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("one secret in two projects has one fingerprint")
	}
	c := newKey("borough", make([]byte, KeyBytes))
	if a.Fingerprint() == c.Fingerprint() {
		t.Error("two secrets have one fingerprint")
	}
	if bytes.Equal(a.derive("field/a", 32), a.derive("field/b", 32)) || bytes.Equal(a.derive("field/a", 16), a.derive("fingerprint", 16)) {
		t.Error("two uses derive one key")
	}
}

// FuzzParseKey: what is accepted, and written again, reads as the same key; and the
// written form is the only one but for what a reader forgives.
func FuzzParseKey(f *testing.F) {
	text := testKey(f, "borough").Text()
	f.Add(text)
	f.Add(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
	f.Add(append([]byte("\ufeff"), bytes.ToLower(text)...))
	f.Add(text[:len(text)/2])
	f.Add([]byte(keyFileVersion + "\nproject: a\nkey: AAAAA\n"))
	f.Add([]byte("cohortlink project key, version 2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKey(text)
		if err != nil {
			if k != nil {
				t.Error("an error and a key")
			}
			return
		}
		back, err := ParseKey(k.Text())
		if err != nil || !sameKey(k, back) {
			t.Errorf("written again, it reads as another key (%v)", err)
		}
		if len(k.secret()) != KeyBytes || checkName("project", k.Project()) != nil {
			t.Error("not a key")
		}
		// All of the key's letters stand in the file.
		squeeze := func(b []byte) string { return strings.ToUpper(strings.Join(strings.Fields(string(b)), "")) }
		want := squeeze(k.Text())
		if !strings.Contains(squeeze(text), want[strings.LastIndex(want, "KEY:")+4:]) {
			t.Error("a key that the file does not spell")
		}
	})
}
