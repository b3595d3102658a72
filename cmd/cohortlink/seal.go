package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing"
)

// What hash, link, attach, inspect and key have in common in handling secrets and seals.

// secretBegins is how the files begin that readSecret is asked for; any passphrase is one.
var secretBegins = map[string]string{"key": "cohortlink ", "identity": "cohortlink identity", "secret of noise": "cohortlink noise secret"}

// readSecret reads a small file that is for its owner alone. On Unix one that
// others can read is refused: it has to be treated as known to them.
func (a *app) readSecret(what, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errorf("read the %s %s: %w", what, path, because(err))
	}
	if !info.Mode().IsRegular() {
		return nil, errorf("%s is no file, and so not the %s", path, what)
	}
	if info.Size() > 64<<10 {
		return nil, errorf("%s: not the %s: it is far too long", path, what)
	}
	if runtime.GOOS == "windows" {
		a.ui.warnf("see to it that only you can read %s: Windows does not tell", path)
	} else if info.Mode().Perm()&0o077 != 0 {
		if first, err := firstLine(path); err == nil && !strings.HasPrefix(first, secretBegins[what]) {
			return nil, errorf("%s is not the %s: its first line is not that of one", path, what) // to chmod it would be no help
		}
		return nil, errorf("%s can be read by others on this machine\nchmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errorf("read the %s %s: %w", what, path, because(err))
	}
	return text, nil
}

// readKey reads a project key.
func (a *app) readKey(path string) (*hashing.Key, error) {
	text, err := a.readSecret("key", path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	key, err := hashing.ParseKey(text)
	if err != nil && formats.IsWrappedKey(string(text)) {
		return nil, errorf("%s is wrapped\ncohortlink key unwrap %s -o project.key", path, path)
	} else if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	return key, nil
}

// readIdentity reads an identity: a partner's or the unit's.
func (a *app) readIdentity(path string) (*formats.Identity, error) {
	text, err := a.readSecret("identity", path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return formats.ParseIdentity(path, text)
}

// readNoiseSecret reads what a party's noise is drawn from.
func (a *app) readNoiseSecret(path string) (*hashing.NoiseSecret, error) {
	text, err := a.readSecret("secret of noise", path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	n, err := hashing.ParseNoiseSecret(text)
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	return n, nil
}

// unitRecipient is whom the project's filters are sealed for; nil when they are not.
func unitRecipient(p *formats.Project, path string) (*formats.Recipient, error) {
	if p.Unit == "" {
		return nil, nil
	}
	to, err := formats.ParseRecipient(p.Unit)
	if err != nil {
		return nil, errorf("%s: unit is %w", path, err)
	}
	return to, nil
}

// fingerprintOf shows the fingerprint of public keys as people compare it.
func fingerprintOf(p formats.Public) string { return hashing.SpokenFingerprint(p.Fingerprint()) }

// spoken is a key fingerprint from a file as people compare it.
func spoken(fingerprint string) string {
	b, err := hex.DecodeString(fingerprint)
	if err != nil || len(b) < 16 {
		return fingerprint
	}
	return hashing.SpokenFingerprint([16]byte(b))
}

// seenBeside is where the unit notes what it has linked, unless told otherwise:
// unit.identity has its unit.seen beside it.
func seenBeside(identity string) string {
	return strings.TrimSuffix(identity, filepath.Ext(identity)) + ".seen"
}

// replaceFile writes a small file whole or not at all, in place of an older one.
func replaceFile(path string, mode uint32, text []byte) error {
	o, err := formats.Create(path, formats.CreateOptions{Mode: fsMode(mode), Overwrite: true})
	if err != nil {
		return err
	}
	defer o.Abort()
	if _, err := o.Write(text); err != nil {
		return err
	}
	return o.Commit()
}
