package hashing

import "encoding/hex"

// ClkhashSecret returns the secret under which filters of a project with the profile
// clkhash are made: 64 lower-case hexadecimal digits, because clkhash takes its secret as
// text. It is derived from the project key for this one use, so that partners who use
// clkhash in Python can be given it, and it tells nothing about the key or about the
// project's other uses of it. The caller clears it.
func (k *Key) ClkhashSecret() []byte {
	secret := k.derive("clkhash", 32)
	defer clear(secret)
	return hex.AppendEncode(nil, secret)
}
