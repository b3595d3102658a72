package hashing

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A record that is hashed again with fresh noise each time gives its noise away: of m
// filters of the same values the majority is nearly the filter without. So a party that
// keeps its record IDs keeps the noise with them, as randomised response that is to be
// permanent must (Erlingsson, Pihur & Korolova 2014, section 3.1).
//
// Noise that comes from the project key and the record ID would be known to every other
// partner, and noise that comes from the values would be the same on each copy of a value.
// It comes from a secret of the party's own, under which the record ID draws it: the unit,
// which has the record ID, and the other partners, who have the key, lack the secret. The
// place of the noise is the record's and not the values': of a record whose values changed
// in between, the unit sees that the bits that differ are not noise; noise that came from the
// values too would be averaged away from all the bits that such a change leaves alone.

// A NoiseSecret is what the noise of one party's records is drawn from, for as long as it
// keeps their record IDs: random bytes that never leave the party. It sits behind a function
// value for the reason given at Key.
type NoiseSecret struct{ secret func() []byte }

// noiseFileVersion is the first line of a noise secret's file. A reader refuses any other.
const noiseFileVersion = "cohortlink noise secret, version 1"

// NewNoiseSecret draws a new secret from random, which is crypto/rand.Reader for every one
// that is to protect anybody.
func NewNoiseSecret(random io.Reader) (*NoiseSecret, error) {
	secret := make([]byte, KeyBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("draw a secret for noise: %w", err)
	}
	return &NoiseSecret{func() []byte { return secret }}, nil
}

// key is that of the noise of a filter's records. Another project key, length or encoding
// draws other noise: the bits are others then, and the same noise on both would show where
// it is.
func (n *NoiseSecret) key(project *Key, f *Filter) []byte {
	fingerprint := project.Fingerprint()
	prk, err := hkdf.Extract(sha256.New, n.secret(), append([]byte("cohortlink/v1/noise/"), fingerprint[:]...))
	if err == nil {
		var out []byte
		if out, err = hkdf.Expand(sha256.New, prk, fmt.Sprintf("cohortlink/v1/noise/%s/%d/%s", f.Name, f.Length, f.Encoding()), 32); err == nil {
			return out
		}
	}
	panic("hashing: HKDF refused fixed parameters: " + err.Error())
}

// Text returns the secret's file, which ParseNoiseSecret reads.
func (n *NoiseSecret) Text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", noiseFileVersion)
	fmt.Fprintf(&b, "# Keep this file beside the map, and give it to nobody: whoever has it can tell which bits of your filters are noise.\n")
	fmt.Fprintf(&b, "secret: %s\n", groups(keyText.EncodeToString(append(bytes.Clone(n.secret()), n.checksum()...))))
	return []byte(b.String())
}

func (n *NoiseSecret) checksum() []byte {
	sum := sha256.Sum256(append([]byte("cohortlink/v1/noise-file\x00"), n.secret()...))
	return sum[:checksumBytes]
}

// ParseNoiseSecret reads the file of a noise secret exactly as Text writes it, line ends of
// Windows aside: nobody types one. Errors never show any part of the file.
func ParseNoiseSecret(text []byte) (*NoiseSecret, error) {
	if len(text) > maxKeyFile {
		return nil, errors.New("not the secret of noise: it is far too long")
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	lines := strings.Split(string(text), "\n")
	if name := strings.TrimSuffix(noiseFileVersion, "1"); lines[0] != noiseFileVersion && strings.HasPrefix(lines[0], name) {
		return nil, errors.New("the secret of noise is of another version; this cohortlink reads version 1")
	}
	var raw []byte
	if len(lines) > 2 {
		raw, _ = keyText.DecodeString(strings.ReplaceAll(strings.TrimPrefix(lines[2], "secret:"), " ", ""))
	}
	if len(raw) != KeyBytes+checksumBytes {
		return nil, errDamagedNoise
	}
	secret := raw[:KeyBytes:KeyBytes]
	n := &NoiseSecret{func() []byte { return secret }}
	if !bytes.Equal(n.Text(), text) {
		return nil, errDamagedNoise
	}
	return n, nil
}

var errDamagedNoise = errors.New("not the secret of noise, or damaged: use the file that cohortlink wrote beside the map")
