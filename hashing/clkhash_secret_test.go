package hashing

import "testing"

// By a second implementation: HKDF-SHA256 of Python's hmac and hashlib, as SPEC.md has
// it, with the secret 00 01 … 1f of project frailty.
func TestClkhashSecret(t *testing.T) {
	secret := make([]byte, KeyBytes)
	for i := range secret {
		secret[i] = byte(i)
	}
	const want = "bbca061e0b8bb73df1ffb8cb817600c19e8a85f47023dbe73ab93b3c79d6189f"
	if got := string(newKey("frailty", secret).ClkhashSecret()); got != want {
		t.Errorf("the secret is %s, want %s", got, want)
	}
	if got := string(newKey("another", secret).ClkhashSecret()); got == want {
		t.Error("two projects have the same secret")
	}
}
