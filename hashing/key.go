package hashing

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
)

// KeyBytes is the length of a project key's secret.
const KeyBytes = 32

// A Key is a project's secret: KeyBytes random bytes, bound to the project it
// was made for, because one key used in two projects would let their filters be
// compared. Every partner of the project holds the same key; the linkage unit
// never does.
//
// The secret sits behind a function value: fmt and slog print the unexported bytes
// of a nested struct, whatever methods it has, but never what a closure holds.
type Key struct {
	project string
	secret  func() []byte
}

// keyFileVersion is the first line of a key file. A reader refuses any other.
const keyFileVersion = "cohortlink project key, version 1"

// maxKeyFile bounds what ParseKey looks at. A real key file has under 300 bytes.
const maxKeyFile = 4 << 10

var keyText = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewKey draws a new key for a project from random, which is crypto/rand.Reader
// for every key that is to protect anybody.
func NewKey(project string, random io.Reader) (*Key, error) {
	if err := checkName("project", project); err != nil {
		return nil, err
	}
	secret := make([]byte, KeyBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return newKey(project, secret), nil
}

func newKey(project string, secret []byte) *Key {
	return &Key{project: project, secret: func() []byte { return secret }}
}

// Project returns the project that the key was made for.
func (k *Key) Project() string { return k.project }

// Fingerprint returns 16 bytes derived from the key and the project, by which
// files of different keys are told apart. It tells nothing about the key: that is
// 256 random bits, so there is nothing to guess (for a key made from a passphrase
// it would be a guessing oracle, which is one reason why there are none).
func (k *Key) Fingerprint() [16]byte { return [16]byte(k.derive("fingerprint", 16)) }

// SpokenFingerprint returns the first 80 bits of a fingerprint as four groups of
// four letters and digits, which two people can compare by telephone.
func SpokenFingerprint(f [16]byte) string {
	s := keyText.EncodeToString(f[:10])
	return s[0:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:16]
}

// derive expands the key for one use. HKDF-SHA256 (RFC 5869), salted with the
// project so that a key copied into another project yields other filters even
// if every check on it were removed.
func (k *Key) derive(use string, n int) []byte {
	prk, err := hkdf.Extract(sha256.New, k.secret(), []byte("cohortlink/v1/project/"+k.project))
	if err == nil {
		var out []byte
		if out, err = hkdf.Expand(sha256.New, prk, "cohortlink/v1/"+use, n); err == nil {
			return out
		}
	}
	panic("hashing: HKDF refused fixed parameters: " + err.Error())
}

// Text returns the key file, which ParseKey reads: a version line, the project, and the secret with a
// checksum over both, in letters and digits that survive being typed.
func (k *Key) Text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nproject: %s\nfingerprint: %s\n", keyFileVersion, k.project, SpokenFingerprint(k.Fingerprint()))
	fmt.Fprintf(&b, "# Keep this file with the partners. The linkage unit must never see it.\n")
	raw := append(append([]byte(nil), k.secret()...), checksum(k.project, k.secret())...)
	fmt.Fprintf(&b, "key: %s\n", groups(keyText.EncodeToString(raw)))
	return []byte(b.String())
}

// checksumBytes leaves a damaged key one chance in a million million to pass.
const checksumBytes = 5

// checksum covers the project too, so that a key file edited to name another
// project is refused as damaged.
func checksum(project string, secret []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "cohortlink/v1/key-file\x00%s\x00", project)
	h.Write(secret)
	return h.Sum(nil)[:checksumBytes]
}

func groups(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 5 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i:min(i+5, len(s))])
	}
	return b.String()
}

// ParseKey reads a key file. It forgives what typing and copying do: letters in
// either case, white space inside and around the values, blank lines, a byte order
// mark, line ends of Windows. Anything else that differs from what Text wrote, comments aside,
// is damage. Errors never show any part of the file.
func ParseKey(text []byte) (*Key, error) {
	if len(text) > maxKeyFile {
		return nil, errors.New("not a key file: it is far too long")
	}
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	if first := strings.Join(strings.Fields(lines[0]), " "); !strings.EqualFold(first, keyFileVersion) {
		if name := strings.TrimSuffix(keyFileVersion, "1"); len(first) > len(name) && strings.EqualFold(first[:len(name)], name) {
			return nil, errors.New("a key file of another version; this cohortlink reads version 1")
		}
		return nil, errors.New("not a key file: its first line is not that of a cohortlink project key")
	}
	fields := map[string]string{}
	for i, line := range lines[1:] {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, again := fields[name]; !ok || again || (name != "project" && name != "fingerprint" && name != "key") {
			return nil, fmt.Errorf("damaged key file: line %d is not one that a key file has", i+2)
		}
		fields[name] = strings.ToUpper(strings.Join(strings.Fields(value), ""))
	}
	project := strings.ToLower(fields["project"])
	if err := checkName("project", project); err != nil {
		return nil, errors.New("damaged key file: it does not name its project")
	}
	raw, err := keyText.DecodeString(fields["key"])
	if err != nil || len(raw) != KeyBytes+checksumBytes {
		return nil, errors.New("damaged key file: its key line is not complete")
	}
	secret, sum := raw[:KeyBytes:KeyBytes], raw[KeyBytes:]
	// The last letter has bits to spare, which the decoder passes over: the key is
	// written again to compare them too.
	if subtle.ConstantTimeCompare(sum, checksum(project, secret)) != 1 || keyText.EncodeToString(raw) != fields["key"] {
		return nil, errors.New("damaged key file: its checksum does not match; fetch it again from whoever made it")
	}
	k := newKey(project, secret)
	if f, given := fields["fingerprint"]; given && f != SpokenFingerprint(k.Fingerprint()) {
		return nil, errors.New("damaged key file: its fingerprint line is that of another key")
	}
	return k, nil
}
