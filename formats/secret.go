package formats

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
)

const personSecretHead = "cohortlink person secret, version 1\n"

// ReadPersonSecret reads what the person IDs of a linked folder were made with: 32 bytes.
func ReadPersonSecret(linked string) ([]byte, error) {
	path := filepath.Join(linked, LinkedSecretFile)
	data, err := readSmall(path, 1000)
	if err != nil {
		return nil, err
	}
	digits, ok := strings.CutPrefix(string(data), personSecretHead)
	digits, whole := strings.CutSuffix(digits, "\n")
	if !ok || !whole || !isHex(digits, 64) {
		return nil, fmt.Errorf("%s was changed after it was written: link again", shownPath(path))
	}
	return hex.DecodeString(digits)
}
