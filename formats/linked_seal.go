package formats

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The manifest of a linked folder holds the digests of its tables, and a seal over all
// that it says, made with the folder's own secret: what was changed by hand, by a
// mended copy or by a damaged disk is noticed before anybody counts. Whoever has the
// folder has its secret too, and could seal a changed manifest again; the ledger keeps
// the manifest's digest with each release, so that this shows there from the first
// release on. Nothing tells a folder that was changed so before its first release
// from one that link wrote.

// sealOf is the HMAC-SHA256, under the secret, of what a manifest says.
func sealOf(m LinkedManifest, secret []byte) (string, error) {
	m.Seal = ""
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("cohortlink linked manifest, version 1\n"))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// manifestText is the manifest as it is written: one content has one spelling.
func manifestText(m *LinkedManifest) ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// checkSeal holds what was read against its seal and its spelling.
func (m *LinkedManifest) checkSeal(dir string, text []byte) error {
	path := shownPath(filepath.Join(dir, LinkedManifestFile))
	secret, err := ReadPersonSecret(dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s has no %s, with which its manifest is checked\ntake a whole copy of the folder, or link again", shownPath(dir), LinkedSecretFile)
	} else if err != nil {
		return err
	}
	seal, err := sealOf(*m, secret)
	if err != nil {
		return err
	}
	written, err := manifestText(m)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(seal), []byte(m.Seal)) || !bytes.Equal(written, text) {
		return fmt.Errorf("%s, or the %s beside it, was changed since link wrote it\nlink again, or take a copy of the folder as it was", path, LinkedSecretFile)
	}
	sum := sha256.Sum256(text)
	m.digest = hex.EncodeToString(sum[:])
	return nil
}

// Digest is the SHA-256 of the manifest as it was read, in hexadecimal.
func (m *LinkedManifest) Digest() string { return m.digest }
