package hashing

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing/norm"
)

// A key cannot be printed by accident: not by fmt, slog, JSON or a panic, however
// deep it lies in other things. The same holds for the field keys and the people's
// tokens inside a Hasher and its Workers.

// traces are the ways in which bytes show in text: six in a row are enough to say
// that they do.
func traces(secret []byte) []string {
	var all []string
	list := func(b []byte, verb, between string) string {
		var parts []string
		for _, c := range b {
			parts = append(parts, fmt.Sprintf(verb, c))
		}
		return strings.Join(parts, between)
	}
	for i := 0; i+6 <= len(secret); i++ {
		b := secret[i : i+6]
		all = append(all, string(b), hex.EncodeToString(b), fmt.Sprintf("%X", b), fmt.Sprintf("%q", b)[1:][:6])
		for _, verb := range []string{"%d", "%#x", "%#v", "0x%x", "%x", "%o", "%b", "%U", "%c", "%q", "%08b"} {
			for _, between := range []string{" ", ", ", ","} {
				all = append(all, list(b, verb, between))
			}
		}
		// A block of three bytes is four letters in base64, one of five eight in base32.
		if i%3 == 0 {
			all = append(all, base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b))
		}
		if i%5 == 0 {
			all = append(all, base32.StdEncoding.EncodeToString(b[:5]))
		}
	}
	return all
}

func shows(output string, traces []string) bool {
	return slices.ContainsFunc(traces, func(trace string) bool { return strings.Contains(output, trace) })
}

// printed gives v to everything that prints.
func printed(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %o %b %c %U %e %t %p %T %w %#x %#q %+q %08v") {
		out[verb] = fmt.Sprintf(verb, v)
	}
	out["Sprint"] = fmt.Sprint(v)
	out["Errorf"] = fmt.Errorf("hash: %v", v).Error()
	var b bytes.Buffer
	log.New(&b, "", 0).Print(v)
	out["log"] = b.String()
	for name, h := range map[string]slog.Handler{"slog text": slog.NewTextHandler(&b, nil), "slog JSON": slog.NewJSONHandler(&b, nil)} {
		b.Reset()
		slog.New(h).With("with", v).Error("failed", "key", v, slog.Group("group", slog.Any("any", v)))
		out[name] = b.String()
	}
	j, err := json.MarshalIndent(v, "", " ")
	out["JSON"] = fmt.Sprint(string(j), err)
	x, err := xml.Marshal(v)
	out["XML"] = fmt.Sprint(string(x), err)
	b.Reset()
	err = gob.NewEncoder(&b).Encode(v)
	out["gob"] = fmt.Sprint(b.String(), err)
	return out
}

type holder struct {
	Name     string
	Exported any
	hidden   any
}

// holders puts v where it might lie when somebody prints.
func holders(v any) map[string]any {
	return map[string]any{
		"itself":             v,
		"pointer":            &v,
		"struct":             holder{"run", v, v},
		"pointer to struct":  &holder{"run", v, v},
		"struct in struct":   holder{"run", holder{"inner", &v, v}, &holder{"inner", v, &v}},
		"slice":              []any{v, v},
		"slice of pointers":  []*any{&v},
		"array":              [2]any{v, &v},
		"map":                map[string]any{"key": v, "pointer": &v},
		"slice in map":       map[string][]any{"keys": {v}},
		"key of a map":       map[any]bool{&v: true},
		"error that wraps":   fmt.Errorf("hash: %w", holderError{holder{"run", v, v}}),
		"interface in array": [1]fmt.Stringer{stringer{v}},
	}
}

type holderError struct{ holder }

func (holderError) Error() string { return "an error" }

type stringer struct{ v any }

func (stringer) String() string { return "a stringer" }

// used is a Hasher and a Worker that have met a person.
func used(t testing.TB, k *Key, n *NoiseSecret) (*Hasher, *Worker, []byte) {
	t.Helper()
	s := Schema{Project: k.Project(), Filters: []Filter{{Name: RecordFilter, Length: 256, Noise: 0.125}}, Fields: []Field{{Name: "surname", Kind: norm.Name}, {Name: "code", Kind: norm.Code}}}
	h, err := NewHasher(s, k, make([]norm.Options, 2))
	if err != nil {
		t.Fatal(err)
	}
	w := h.WorkerKeepingNoise(n)
	w.HashRecord(RecordID{1}, []string{"ZEBEDEE", secretCode}, make([]uint64, 4))
	return h, w, k.derive("field/surname", 32)
}

const secretCode = "QUINCUNX"

func TestKeyCannotBePrinted(t *testing.T) {
	k, n := testKey(t, "borough"), noiseSecret(t)
	h, w, fieldKey := used(t, k, n)
	// HMAC keeps its key XORed with two constants (RFC 2104).
	inner, outer := bytes.Clone(fieldKey), bytes.Clone(fieldKey)
	for i := range fieldKey {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	tell := slices.Concat(traces(k.secret()), traces(fieldKey), traces(inner), traces(outer), traces([]byte(secretCode)), traces(n.secret()))
	tried := 0
	for what, v := range map[string]any{"key": k, "key value": *k, "hasher": h, "hasher value": *h, "worker": w, "worker value": *w, "noise secret": n, "noise secret value": *n} {
		for where, held := range holders(v) {
			for how, out := range printed(held) {
				tried++
				if shows(out, tell) {
					t.Errorf("%s, %s, by %s: the output shows a secret", what, where, how)
				}
			}
		}
	}
	if tried < 8*13*25 {
		t.Errorf("only %d ways tried", tried)
	}
}

// TestLeaksAreSeen: the test above can fail. The same bytes in a plain struct are
// seen in what each verb makes of them.
func TestLeaksAreSeen(t *testing.T) {
	k := testKey(t, "borough")
	type plain struct{ Secret []byte }
	out := printed(plain{k.secret()})
	for _, how := range strings.Fields("%v %+v %#v %s %q %x %X %d %o %b %#x %+q %08v Sprint Errorf log JSON gob XML") {
		if how == "%q" || how == "%+q" || how == "%08v" {
			continue // escapes and padding of other widths; the other verbs print the same bytes
		}
		if !shows(out[how], traces(k.secret())) {
			t.Errorf("%s shows the secret and it is not seen", how)
		}
	}
	for _, how := range []string{"slog text", "slog JSON"} {
		if !shows(out[how], traces(k.secret())) {
			t.Errorf("%s shows the secret and it is not seen", how)
		}
	}
}

// TestPanicHidesKey lets a child process die with a key in hand.
func TestPanicHidesKey(t *testing.T) {
	const how = "COHORTLINK_TEST_PANIC"
	if mode := os.Getenv(how); mode != "" {
		die(t, mode)
		return
	}
	k := testKey(t, "borough")
	_, _, fieldKey := used(t, k, noiseSecret(t))
	tell := slices.Concat(traces(k.secret()), traces(fieldKey))
	for _, mode := range []string{"key", "value", "holder", "error", "hasher", "worker", "index", "goroutine", "plain"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPanicHidesKey$")
		cmd.Env = append(os.Environ(), how+"="+mode, "GOTRACEBACK=system")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "goroutine ") {
			t.Errorf("%s: the child did not panic (%v)", mode, err)
		}
		if seen := shows(string(out), tell); seen != (mode == "plain") {
			t.Errorf("%s: the secret shows in the panic: %v", mode, seen)
		}
	}
}

func die(t *testing.T, mode string) {
	k := testKey(t, "borough")
	h, w, _ := used(t, k, noiseSecret(t))
	switch mode {
	case "key":
		panic(k)
	case "value":
		panic(*k)
	case "holder":
		panic(fmt.Sprintf("%+v", holder{"run", k, *k}))
	case "error":
		panic(fmt.Errorf("hash: %w", holderError{holder{"run", k, *k}}))
	case "hasher":
		panic(*h)
	case "worker":
		panic(fmt.Sprintf("%+v %v", *w, any(w)))
	case "index":
		w.Hash(nil, nil)
	case "goroutine":
		done := make(chan bool)
		go func(k Key) { k.derive("field/surname", 1<<20); close(done) }(*k)
		<-done
	case "plain": // to see that it would be seen
		panic(fmt.Sprintf("%x", k.secret()))
	}
}
