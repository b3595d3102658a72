package formats

// Identities: who sealed a file, and for whom.
//
// age says for whom a file is and nothing about who made it: anyone can seal to a public key. So whoever takes part, a party or the unit,
// has an identity of two secrets in one file: an age identity, which opens what is sealed for it, and an Ed25519 key (RFC 8032), which signs
// what it seals for others. Of the two public halves the unit keeps a line for each party (Partners), and the parties find the unit's in
// the project file.
//
// The age identity is the hybrid of ML-KEM-768 and X25519 alone: filters that are recorded today should not be open to a machine of
// tomorrow, and a second kind of key would be a second way to get it wrong.
//
// The secrets sit behind a function value: fmt, slog and encoding/json print unexported bytes of a nested struct, whatever methods it
// has, but never what a closure holds.

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
)

const (
	identityVersion = "cohortlink identity, version 1"
	maxIdentity     = 16 << 10 // bytes; a real one has under 3,000
	maxPartners     = 4 << 20  // bytes; a line has about 2,050

	signingKeyPrefix = "ed25519:"
)

// SigningKey is the public half of a key that signs. Its text is "ed25519:" and 64 hexadecimal digits.
type SigningKey [ed25519.PublicKeySize]byte

func (k SigningKey) String() string { return signingKeyPrefix + hex.EncodeToString(k[:]) }

// ParseSigningKey reads what String writes, and nothing else. The error does not repeat s.
func ParseSigningKey(s string) (k SigningKey, err error) {
	digits, ok := strings.CutPrefix(s, signingKeyPrefix)
	if !ok || !isHex(digits, 2*len(k)) {
		return k, fmt.Errorf("not a signing key (%s and %d hexadecimal digits)", signingKeyPrefix, 2*len(k))
	}
	_, err = hex.Decode(k[:], []byte(digits))
	return k, err
}

func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}

// Recipient is the public half of an age identity: whom a file can be sealed for.
type Recipient struct {
	text string
	age  *age.HybridRecipient
}

// ParseRecipient reads the public half of a hybrid age identity, age1pq1…. The error does not repeat s.
func ParseRecipient(s string) (*Recipient, error) {
	r, err := age.ParseHybridRecipient(s)
	switch {
	case err == nil && r.String() == s:
		return &Recipient{s, r}, nil
	case strings.HasPrefix(s, "age1") && !strings.HasPrefix(s, "age1pq1"):
		return nil, errors.New("an age key of a kind that is not used here: cohortlink seals only for keys that begin with age1pq1, as its own identities have")
	}
	return nil, errors.New("not an age public key, or not all of one: it begins with age1pq1 and has some 2,000 letters and digits")
}

// String is the recipient as age writes it.
func (r *Recipient) String() string { return r.text }

// fingerprint is how the clear header of a sealed file names its recipient: 64 digits in place of 2,000.
func (r *Recipient) fingerprint() string {
	sum := sha256.Sum256([]byte(r.text))
	return hex.EncodeToString(sum[:])
}

// Public is what others may know of an identity.
type Public struct {
	Signs     SigningKey
	Recipient *Recipient // nil when it is not known
}

// Fingerprint covers all of p, for two people to compare by telephone.
func (p Public) Fingerprint() [16]byte {
	text := "cohortlink/v1/identity\x00" + p.String()
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}

// String is p as it stands in a line of a partners file, behind the party.
func (p Public) String() string {
	if p.Recipient == nil {
		return p.Signs.String()
	}
	return p.Signs.String() + " " + p.Recipient.text
}

// Identity opens what is sealed for it and signs what it seals for others. It is made by NewIdentity or ParseIdentity; calls may overlap.
type Identity struct {
	party  string
	public Public
	secret func() (ed25519.PrivateKey, *age.HybridIdentity)
}

// NewIdentity draws an identity from the system's random source. party is whose it is, "" for the unit's.
func NewIdentity(party string) (*Identity, error) {
	if party != "" {
		if err := CheckName("party", party); err != nil {
			return nil, err
		}
	}
	_, sign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("draw a signing key: %w", err)
	}
	open, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("draw an age identity: %w", err)
	}
	return newIdentity(party, sign, open)
}

func newIdentity(party string, sign ed25519.PrivateKey, open *age.HybridIdentity) (*Identity, error) {
	to, err := ParseRecipient(open.Recipient().String())
	if err != nil {
		return nil, err
	}
	public := Public{Signs: SigningKey(sign.Public().(ed25519.PublicKey)), Recipient: to}
	return &Identity{party, public, func() (ed25519.PrivateKey, *age.HybridIdentity) { return sign, open }}, nil
}

// Party is whose identity its owner said it is: a name against mix-ups, which nobody vouches for. It is "" for the unit's, and for one that
// was made before identities had it.
func (i *Identity) Party() string { return i.party }

// Public returns what others may know.
func (i *Identity) Public() Public { return i.public }

// sign signs a digest for one use. The use keeps a signature of one kind of file from standing under another kind.
func (i *Identity) sign(use string, digest []byte) []byte {
	key, _ := i.secret()
	return ed25519.Sign(key, signed(use, digest))
}

func (k SigningKey) verify(use string, digest, signature []byte) bool {
	return ed25519.Verify(k[:], signed(use, digest), signature)
}

func signed(use string, digest []byte) []byte {
	return append([]byte("cohortlink/v1/sign/"+use+"\x00"), digest...)
}

var identityBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// Text returns the identity file, which nobody but its owner may see.
func (i *Identity) Text() []byte {
	sign, open := i.secret()
	seed := sign.Seed()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", identityVersion)
	if i.party != "" {
		fmt.Fprintf(&b, "party: %s\n", i.party)
	}
	fmt.Fprintf(&b, "# Yours alone: it signs what you send, and opens what is sealed for you. The two lines below are public.\n")
	fmt.Fprintf(&b, "signs: %s\nrecipient: %s\n", i.public.Signs, i.public.Recipient)
	fmt.Fprintf(&b, "# The two lines below are secret.\n")
	fmt.Fprintf(&b, "signing: %s\n", identityBase32.EncodeToString(append(seed, identityChecksum(seed)...)))
	fmt.Fprintf(&b, "opening: %s\n", open)
	return b.Bytes()
}

func identityChecksum(seed []byte) []byte {
	sum := sha256.Sum256(append([]byte("cohortlink/v1/identity-file\x00"), seed...))
	return sum[:5]
}

// IsIdentity reports whether a file that begins so may be an identity.
func IsIdentity(firstLine string) bool { return strings.HasPrefix(firstLine, "cohortlink identity, ") }

// ParseIdentity reads an identity file, exactly as Text writes it. Errors never show any part of it; name stands in them.
func ParseIdentity(name string, text []byte) (*Identity, error) {
	fail := func(why string) (*Identity, error) { return nil, fmt.Errorf("%s: %s", shownPath(name), why) }
	if len(text) > maxIdentity {
		return fail("not an identity file: it is far too long")
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	lines := strings.Split(string(text), "\n")
	switch {
	case lines[0] == identityVersion:
	case strings.HasPrefix(lines[0], "cohortlink identity, version "):
		return fail("an identity file of another version; this cohortlink reads version 1: update it")
	default:
		return fail("not an identity file: its first line is not that of a cohortlink identity")
	}
	fields := map[string]string{}
	for _, line := range lines[1:] {
		if name, value, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "#") {
			fields[name] = value
		}
	}
	raw, err := identityBase32.DecodeString(fields["signing"])
	if err != nil || len(raw) != ed25519.SeedSize+5 || subtle.ConstantTimeCompare(raw[ed25519.SeedSize:], identityChecksum(raw[:ed25519.SeedSize])) != 1 {
		return fail("damaged identity file: its signing line is not complete; use a copy of it")
	}
	open, err := age.ParseHybridIdentity(fields["opening"])
	if err != nil {
		return fail("damaged identity file: its opening line is not complete; use a copy of it")
	}
	if fields["party"] != "" && CheckName("party", fields["party"]) != nil {
		return fail("damaged identity file: its party line is not the name of a party; use a copy of it")
	}
	i, err := newIdentity(fields["party"], ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize:ed25519.SeedSize]), open)
	if err != nil || !bytes.Equal(i.Text(), text) {
		return fail("damaged identity file: its lines do not belong together, or were changed; use a copy of it")
	}
	return i, nil
}

// Partners are the public keys that the unit has pinned: one line for each party, its name, its signing key and, so that links can go back
// sealed, its age recipient.
type Partners struct {
	name    string
	Parties []Partner // in the order of the file
}

// Partner is a line of a partners file.
type Partner struct {
	Party string
	Public
}

// ReadPartners reads a partners file.
func ReadPartners(path string) (*Partners, error) {
	data, err := readSmall(path, maxPartners)
	if err != nil {
		return nil, err
	}
	return ParsePartners(path, data)
}

// ParsePartners is ReadPartners for bytes from anywhere; name stands in errors.
func ParsePartners(name string, data []byte) (*Partners, error) {
	p := &Partners{name: shownPath(name)}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		fail := func(err error) (*Partners, error) { return nil, fmt.Errorf("%s line %d: %w", p.name, number, err) }
		if len(words) < 2 || len(words) > 3 {
			return fail(errors.New(`a line of a partners file is a party, its signing key and its age key, as "cohortlink key new --signing" prints it`))
		}
		if err := CheckName("party", words[0]); err != nil {
			return fail(err)
		}
		partner := Partner{Party: words[0]}
		var err error
		if partner.Signs, err = ParseSigningKey(words[1]); err != nil {
			return fail(fmt.Errorf("the second word is %w", err))
		}
		if len(words) == 3 {
			if partner.Recipient, err = ParseRecipient(words[2]); err != nil {
				return fail(fmt.Errorf("the third word is %w", err))
			}
		}
		for _, q := range p.Parties {
			switch {
			case q.Party == partner.Party:
				return fail(fmt.Errorf("party %q has a line already; keep the one it uses now", q.Party))
			case q.Signs == partner.Signs:
				return fail(fmt.Errorf("party %q has the same signing key: each party has one of its own", q.Party))
			}
		}
		p.Parties = append(p.Parties, partner)
	}
	return p, nil
}

// Of returns what is pinned for a party.
func (p *Partners) Of(party string) (Public, bool) {
	i := slices.IndexFunc(p.Parties, func(q Partner) bool { return q.Party == party })
	if i < 0 {
		return Public{}, false
	}
	return p.Parties[i].Public, true
}

// Trust is an Opening's Trust: the file must name the key that is pinned for its party.
func (p *Partners) Trust(h FiltersHeader, signer SigningKey) error {
	pinned, known := p.Of(h.Party)
	switch {
	case !known:
		return fmt.Errorf("nobody has pinned a key for party %q: %s has no line for it; ask the party for its line, and compare fingerprints by telephone", h.Party, p.name)
	case pinned.Signs == signer:
		return nil
	}
	for _, q := range p.Parties {
		if q.Signs == signer {
			return fmt.Errorf("it says that it is of party %q and names the signing key of party %q: the files or the lines of %s are mixed up", h.Party, q.Party, p.name)
		}
	}
	return fmt.Errorf("it names a signing key that is not the one pinned for party %q in %s; if the party has a new one, compare fingerprints by telephone and change its line", h.Party, p.name)
}

// TrustUnit is an Opening's Trust for what comes from the unit, whose signing key the project file has.
func TrustUnit(key SigningKey) func(FiltersHeader, SigningKey) error {
	return func(_ FiltersHeader, signer SigningKey) error {
		if signer == key {
			return nil
		}
		return errors.New("it names a signing key that is not the unit's in the project file; ask the unit whether it sent this")
	}
}
