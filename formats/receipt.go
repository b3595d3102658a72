package formats

// PARTY.receipt.json: what was hashed, under which project and key, and what came of it. It stays with the partner, beside the map.
// With it attach can refuse an extract that is not the one hashed, and a map that is not the one written.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Receipt is the content of a receipt. Digests and fingerprints are lower-case hexadecimal.
type Receipt struct {
	Version   int            `json:"version"` // of the format: 1
	Project   string         `json:"project"`
	Party     string         `json:"party"`
	Schema    string         `json:"schema"` // the four as in the header of the filters file
	Key       string         `json:"key"`
	Run       string         `json:"run"`
	Extract   ReceiptExtract `json:"extract"`
	Records   int            `json:"records"`    // rows that became records
	SetAside  int            `json:"set_aside"`  // rows that could not be used
	RecordKey string         `json:"record_key"` // the column of local IDs in the map; "" when it has none
	Map       string         `json:"map"`        // SHA-256 of the map file
	Filters   string         `json:"filters"`    // the digest at the end of the filters file
	Created   string         `json:"created"`    // date, YYYY-MM-DD
	Tool      string         `json:"tool"`       // name and version of the program that wrote it
}

// ReceiptExtract says which extract was hashed.
type ReceiptExtract struct {
	SHA256 string `json:"sha256"` // of its bytes
	Rows   int    `json:"rows"`   // data rows
}

const (
	receiptVersion = 1
	maxReceipt     = 1 << 16 // bytes
)

func (r *Receipt) check() error {
	h := FiltersHeader{Project: r.Project, Party: r.Party, Schema: r.Schema, Key: r.Key, Run: r.Run, Seal: sealNone}
	if err := h.check(); err != nil {
		return err
	}
	for _, digest := range []string{r.Extract.SHA256, r.Map, r.Filters} {
		if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
			return errors.New("a digest is not 64 lower-case hexadecimal digits")
		}
	}
	if r.Records < 0 || r.SetAside < 0 || r.Records > r.Extract.Rows-r.SetAside {
		return errors.New("the numbers of rows, records and rows set aside do not fit each other")
	}
	if len(r.RecordKey) > 1000 || !isISODate(r.Created) || !isPlainText(r.Tool, 100) {
		return errors.New("the record key, the date or the name of the program is not as it should be")
	}
	return nil
}

// WriteReceipt writes a receipt; its version need not be set.
func WriteReceipt(w io.Writer, r Receipt) error {
	r.Version = receiptVersion
	if err := r.check(); err != nil {
		return fmt.Errorf("writing a receipt: %w", err)
	}
	_, err := w.Write(receiptJSON(&r))
	return err
}

func receiptJSON(r *Receipt) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, canonicalJSON(r), "", "  "); err != nil {
		panic("formats: our own JSON is valid: " + err.Error())
	}
	return append(b.Bytes(), '\n')
}

// ReadReceipt reads a receipt, exactly as WriteReceipt writes it.
func ReadReceipt(path string) (*Receipt, error) {
	data, err := readSmall(path, maxReceipt)
	if err != nil {
		return nil, err
	}
	return ParseReceipt(path, data)
}

// ParseReceipt is ReadReceipt for bytes from anywhere; name stands in errors.
func ParseReceipt(name string, data []byte) (*Receipt, error) {
	var r Receipt
	var v struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &v) == nil && v.Version > receiptVersion {
		return nil, fmt.Errorf("%s is a receipt of version %d, and this cohortlink reads version %d; update cohortlink", shownPath(name), v.Version, receiptVersion)
	}
	if json.Unmarshal(data, &r) != nil || r.Version != receiptVersion || !bytes.Equal(receiptJSON(&r), data) {
		return nil, fmt.Errorf("%s is not a receipt, or was changed after it was written; use the one that cohortlink wrote", shownPath(name))
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%s: %w; use the receipt that cohortlink wrote", shownPath(name), err)
	}
	return &r, nil
}
