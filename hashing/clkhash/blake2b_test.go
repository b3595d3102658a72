package clkhash

import (
	"encoding/binary"
	"encoding/hex"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/blake2b"
	"pgregory.net/rapid"
)

func digest(key []byte, salt string, message []byte) string {
	var padded [16]byte
	copy(padded[:], salt)
	var out []byte
	for _, word := range newBlake(key, padded).sum(message) {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return hex.EncodeToString(out)
}

// TestBlake2bRFC is the example of RFC 7693, appendix A.
func TestBlake2bRFC(t *testing.T) {
	const want = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1" +
		"7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
	if got := digest(nil, "", []byte("abc")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestBlake2bSalted compares with Python's hashlib, which clkhash uses.
func TestBlake2bSalted(t *testing.T) {
	var cases []struct{ Key, Salt, Message, Digest string }
	readJSON(t, filepath.Join("testdata", "blake2b.json"), &cases)
	if len(cases) < 50 {
		t.Fatalf("only %d cases", len(cases))
	}
	for i, c := range cases {
		key, _ := hex.DecodeString(c.Key)
		message, _ := hex.DecodeString(c.Message)
		if got := digest(key, c.Salt, message); got != c.Digest {
			t.Errorf("case %d (%d bytes of key, salt %s, %d bytes): %s, want %s", i, len(key), c.Salt, len(message), got, c.Digest)
		}
	}
}

// TestBlake2bUnsalted compares with x/crypto at every length of key and message.
func TestBlake2bUnsalted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "key")
		message := rapid.SliceOfN(rapid.Byte(), 1, 600).Draw(t, "message")
		h, err := blake2b.New512(key)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(message)
		if got, want := digest(key, "", message), hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
