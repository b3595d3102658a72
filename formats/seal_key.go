package formats

// A project key on its way from one partner to another.
//
// The key file itself must not be mailed: whoever sees it can find people in the filters. So it is wrapped, in one of two ways. Sealed
// for the partner's age recipient it can go by any way and only that partner opens it. Where the recipient is not known it is encrypted
// under a passphrase that goes by another way, the telephone. That passphrase is drawn and not chosen, because whoever catches the file
// can guess for as long as they like: 100 random bits, each guess made dear by Argon2id.
//
// A wrapped key is text: a version line, a header as canonical JSON, and base64 in lines of 76. It says whose key it is
// supposed to be. That nobody else wrapped a key of their own is settled by comparing the fingerprint by telephone, which the
// partners do anyway; a signature could not replace it, because the partners have pinned no keys of each other.

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"filippo.io/age"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	wrappedVersion = "cohortlink wrapped key, version 1"
	maxWrapped     = 32 << 10 // bytes; sealed for a partner a key takes about 3,300
	maxKeyText     = 4 << 10  // bytes of a key file

	wrapPassphrase = "passphrase"
	wrapAge        = "age"

	// RFC 9106, section 4, the second recommended option, for where 2 GiB of memory cannot be counted on: t=3, p=4, m=64 MiB, a salt of 16
	// bytes, a tag of 32. They are not read from the file, so that no file can make a reader work or allocate more.
	argonPasses = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 4
	argonSalt   = 16

	passphraseDrawn = 20 // characters of 5 bits each
	passphraseCheck = 4  // characters that tell a slip of the pen from a wrong file
	passphraseGroup = 4
)

var (
	shownFingerprint = regexp.MustCompile(`^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$`)
	wrappedBase64    = base64.StdEncoding.Strict()
)

// WrappedKey is the clear header of a wrapped key: what the file is said to hold. Nobody has checked it before the key is unwrapped.
type WrappedKey struct {
	Project     string `json:"project"`
	Fingerprint string `json:"fingerprint"` // of the key, as people compare it
	Wrap        string `json:"wrap"`        // "passphrase" or "age"

	Recipient string `json:"recipient,omitempty"` // of age: SHA-256 of the recipient's text

	KDF   string `json:"kdf,omitempty"` // of a passphrase: how it becomes a key
	Salt  string `json:"salt,omitempty"`
	Nonce string `json:"nonce,omitempty"`
}

const wrapKDF = "argon2id,t=3,m=65536,p=4"

func (h *WrappedKey) check() error {
	if err := CheckName("project", h.Project); err != nil {
		return err
	}
	if !shownFingerprint.MatchString(h.Fingerprint) {
		return errors.New("its fingerprint is not one")
	}
	switch {
	case h.Wrap == wrapAge && isHex(h.Recipient, 64) && h.KDF+h.Salt+h.Nonce == "":
	case h.Wrap == wrapPassphrase && h.Recipient == "" && h.KDF == wrapKDF && isHex(h.Salt, 2*argonSalt) && isHex(h.Nonce, 2*chacha20poly1305.NonceSizeX):
	default:
		return errors.New("it is wrapped in a way that this version of cohortlink does not know; update cohortlink")
	}
	return nil
}

func (h *WrappedKey) head() []byte {
	return append(append([]byte(wrappedVersion+"\n"), canonicalJSON(h)...), '\n')
}

// WrapKey encrypts the bytes of a key file under a new passphrase, which it returns. fingerprint is the key's, as people compare it.
func WrapKey(project, fingerprint string, key []byte) (file []byte, passphrase string, err error) {
	drawn := make([]byte, argonSalt+chacha20poly1305.NonceSizeX+(passphraseDrawn*5+7)/8)
	rand.Read(drawn) // never fails since Go 1.24
	salt, nonce, random := drawn[:argonSalt], drawn[argonSalt:argonSalt+chacha20poly1305.NonceSizeX], drawn[argonSalt+chacha20poly1305.NonceSizeX:]
	h := WrappedKey{Project: project, Fingerprint: fingerprint, Wrap: wrapPassphrase, KDF: wrapKDF, Salt: hex.EncodeToString(salt), Nonce: hex.EncodeToString(nonce)}
	if err := h.check(); err != nil {
		return nil, "", fmt.Errorf("wrapping a key: %w", err)
	}
	letters := personBase32.EncodeToString(random)[:passphraseDrawn]
	letters += passphraseSum(letters)
	aead, err := chacha20poly1305.NewX(argon(letters, salt))
	if err != nil {
		return nil, "", err
	}
	return h.file(aead.Seal(nil, nonce, key, h.head())), grouped(letters), nil
}

// SealKey encrypts the bytes of a key file for a partner's recipient.
func SealKey(project, fingerprint string, key []byte, to *Recipient) ([]byte, error) {
	h := WrappedKey{Project: project, Fingerprint: fingerprint, Wrap: wrapAge, Recipient: to.fingerprint()}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("wrapping a key: %w", err)
	}
	var b bytes.Buffer
	seal, err := age.Encrypt(&b, to.age)
	if err != nil {
		return nil, err
	}
	if _, err := seal.Write(key); err != nil {
		return nil, err
	}
	if err := seal.Close(); err != nil {
		return nil, err
	}
	return h.file(b.Bytes()), nil
}

func (h *WrappedKey) file(body []byte) []byte {
	file := h.head()
	for text := wrappedBase64.EncodeToString(body); text != ""; {
		n := min(76, len(text))
		file = append(append(file, text[:n]...), '\n')
		text = text[n:]
	}
	return file
}

// argon makes the encryption key of a passphrase's letters. It takes 64 MiB and about a tenth of a second.
func argon(letters string, salt []byte) []byte {
	return argon2.IDKey([]byte(letters), salt, argonPasses, argonMemory, argonLanes, chacha20poly1305.KeySize)
}

func passphraseSum(letters string) string {
	sum := sha256.Sum256([]byte("cohortlink/v1/passphrase\x00" + letters))
	return personBase32.EncodeToString(sum[:])[:passphraseCheck]
}

func grouped(letters string) string {
	var groups []string
	for ; letters != ""; letters = letters[passphraseGroup:] {
		groups = append(groups, letters[:passphraseGroup])
	}
	return strings.Join(groups, "-")
}

// parsePassphrase takes a passphrase as somebody typed it, in capitals or with spaces. The error does not repeat it.
func parsePassphrase(typed string) (string, error) {
	letters := strings.ToLower(strings.Join(strings.FieldsFunc(typed, func(r rune) bool { return r == '-' || r <= ' ' }), ""))
	if len(letters) != passphraseDrawn+passphraseCheck || passphraseSum(letters[:passphraseDrawn]) != letters[passphraseDrawn:] {
		return "", fmt.Errorf("the passphrase has a slip in it: it is %d groups of %d letters and digits, and the digits 0, 1, 8 and 9 do not occur",
			(passphraseDrawn+passphraseCheck)/passphraseGroup, passphraseGroup)
	}
	return letters, nil
}

// ReadWrappedKey reads the header of a wrapped key, and what it takes to unwrap it.
func ReadWrappedKey(path string) (*WrappedKey, []byte, error) {
	data, err := readSmall(path, maxWrapped)
	if err != nil {
		return nil, nil, err
	}
	return ParseWrappedKey(path, data)
}

// ParseWrappedKey is ReadWrappedKey for bytes from anywhere; name stands in errors.
func ParseWrappedKey(name string, data []byte) (h *WrappedKey, body []byte, err error) {
	fail := func(format string, a ...any) (*WrappedKey, []byte, error) {
		return nil, nil, fmt.Errorf("%s: %w", shownPath(name), fmt.Errorf(format, a...))
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // it goes by mail
	lines := bytes.SplitN(data, []byte("\n"), 3)
	switch {
	case len(data) > maxWrapped:
		return fail("not a wrapped key: it is far too long")
	case string(lines[0]) == wrappedVersion && len(lines) == 3:
	case bytes.HasPrefix(lines[0], []byte("cohortlink wrapped key, version ")):
		return fail("a wrapped key of another version, or a damaged one; this cohortlink reads version 1")
	default:
		return fail("not a wrapped key: its first line is not that of one")
	}
	h = new(WrappedKey)
	if !decodeCanonical(lines[1], h, func() any { return h }) {
		return fail("its header is not as the format has it: the file is damaged, or written by a newer cohortlink")
	}
	if err := h.check(); err != nil {
		return fail("%w", err)
	}
	body, err = wrappedBase64.DecodeString(string(bytes.ReplaceAll(lines[2], []byte("\n"), nil)))
	if err != nil || !bytes.Equal(h.file(body), data) {
		return fail("damaged or cut short; ask for the file again")
	}
	return h, body, nil
}

// IsWrappedKey reports whether a file that begins so may be a wrapped key.
func IsWrappedKey(firstLine string) bool {
	return strings.HasPrefix(firstLine, "cohortlink wrapped key, ")
}

// NeedsPassphrase reports whether Unwrap takes a passphrase; otherwise OpenKey takes an identity.
func (h *WrappedKey) NeedsPassphrase() bool { return h.Wrap == wrapPassphrase }

// Unwrap decrypts body with the passphrase, as somebody typed it, and returns the bytes of the key file.
func (h *WrappedKey) Unwrap(body []byte, typed string) ([]byte, error) {
	letters, err := parsePassphrase(typed)
	if err != nil {
		return nil, err
	}
	salt, _ := hex.DecodeString(h.Salt) // check has seen that both are hexadecimal
	nonce, _ := hex.DecodeString(h.Nonce)
	aead, err := chacha20poly1305.NewX(argon(letters, salt))
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, nonce, body, h.head())
	if err != nil {
		return nil, errors.New("the passphrase is that of another file, or the file was changed")
	}
	return key, nil
}

// For reports whether the key is sealed for the party with these public keys.
func (h *WrappedKey) For(p Public) bool {
	return p.Recipient != nil && h.Recipient == p.Recipient.fingerprint()
}

// OpenKey decrypts body with the identity that it was sealed for, and returns the bytes of the key file.
func (h *WrappedKey) OpenKey(body []byte, i *Identity) ([]byte, error) {
	if h.Recipient != i.public.Recipient.fingerprint() {
		return nil, errors.New("the key is not sealed for this identity but for another one")
	}
	_, identity := i.secret()
	r, err := age.Decrypt(bytes.NewReader(body), identity)
	var key []byte
	if err == nil {
		key, err = io.ReadAll(io.LimitReader(r, maxKeyText+1))
	}
	if err != nil || len(key) > maxKeyText {
		return nil, errors.New("its seal does not hold: it was changed after it was sealed, or put together from two files")
	}
	return key, nil
}
