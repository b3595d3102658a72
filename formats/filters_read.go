package formats

// Reading a filters file: the head is parsed strictly, the number of records is checked against the size of the file before memory is
// asked for, and nothing of the rows is looked at before the digest over all of the file has been found right.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// ErrNotFilters is in the error for a file that does not begin as a filters file does, whatever else it may be.
var ErrNotFilters = errors.New("not a filters file")

// ReadFilters reads and checks a whole filters file that is not sealed (ErrSealed is in the error for one that is).
func ReadFilters(path string) (*FiltersFile, error) {
	f, size, err := openRegular(path, ErrNotFilters)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseFilters(path, f, size)
}

// OpenFilters reads and checks a whole sealed filters file, and refuses one that is not sealed: nobody would know who sent it.
func OpenFilters(path string, o *Opening) (*FiltersFile, error) {
	f, size, err := openRegular(path, ErrNotFilters)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseSealedFilters(path, f, size, o)
}

// ReadFiltersHeader reads no more than the first two lines of a file. Nobody has checked them: whoever could change the file could change them.
func ReadFiltersHeader(path string) (FiltersHeader, error) { return readHeader(path, kindFilters) }

// ParseFilters is ReadFilters for bytes from anywhere. name stands in errors. size is the most bytes that r can hold; a file that announces
// more records than that is refused before memory is taken for them. Besides the result it needs about 1 MiB.
func ParseFilters(name string, r io.Reader, size int64) (*FiltersFile, error) {
	return parseFiltersFile(name, r, size, nil)
}

// ParseSealedFilters is OpenFilters for bytes from anywhere. size is the number of bytes that r holds.
func ParseSealedFilters(name string, r io.Reader, size int64, o *Opening) (*FiltersFile, error) {
	return parseFiltersFile(name, r, size, o)
}

func parseFiltersFile(name string, r io.Reader, size int64, o *Opening) (*FiltersFile, error) {
	fr := newFiltersReader(name, kindFilters, r)
	h, err := fr.header()
	if err != nil {
		return nil, err
	}
	fr.from = h.Party
	switch sealed := h.Seal == sealAge; {
	case sealed && o == nil:
		return nil, fr.errorf("it is %w: the identity that it is sealed for must open it, with --identity", ErrSealed)
	case !sealed && o != nil:
		return nil, fr.errorf("it is not sealed, so that nobody knows who sent it; ask %s to hash again with the project file that names the unit", h.Party)
	case sealed:
		if err := fr.open(h, size, o); err != nil {
			return nil, err
		}
		size = h.Bytes
	}
	m, err := fr.manifest()
	if err != nil {
		return nil, err
	}
	f := &FiltersFile{Name: name, Header: h, Manifest: m}
	if err := fr.body(f, size-fr.consumed); err != nil {
		return nil, err
	}
	if err := f.checkRows(); err != nil {
		return nil, fr.errorf("%w; whoever wrote it did not follow the format: ask %s to hash again with the present cohortlink", err, h.Party)
	}
	return f, nil
}

// filtersReader reads a file of ours with a version line and a header: filters, and links on their way back.
type filtersReader struct {
	name     string // as shown
	kind     string // kindFilters or kindLinks
	from     string // who can send the file again
	r        *bufio.Reader
	digest   hash.Hash
	consumed int64
	sealed   bool // r reads what is inside the seal
	signer   SigningKey
}

func newFiltersReader(name, kind string, r io.Reader) *filtersReader {
	return &filtersReader{name: shownPath(name), kind: kind, r: bufio.NewReaderSize(r, 1<<16), digest: sha256.New()}
}

func (fr *filtersReader) errorf(format string, a ...any) error {
	return fmt.Errorf("%s: %w", fr.name, fmt.Errorf(format, a...))
}

// line reads a line of the head of at most max bytes, without its line feed.
func (fr *filtersReader) line(max int) ([]byte, error) {
	var line []byte
	for {
		part, err := fr.r.ReadSlice('\n')
		line = append(line, part...)
		fr.digest.Write(part)
		fr.consumed += int64(len(part))
		switch {
		case len(line) > max+1:
			return line, errDamagedHead
		case err == nil:
			return line[:len(line)-1], nil
		case err == io.EOF:
			return line, errDamagedHead
		case err != bufio.ErrBufferFull:
			return line, bare(err)
		}
	}
}

var errDamagedHead = errors.New("the head of the file is damaged or cut short; ask for the file again")

func (fr *filtersReader) header() (h FiltersHeader, err error) {
	begin, not := "cohortlink "+fr.kind, ErrNotFilters
	if fr.kind == kindLinks {
		not = ErrNotLinks
	}
	line, err := fr.line(len(begin) + 17)
	version, ours := strings.CutPrefix(string(line), begin+" ")
	switch {
	case !ours && (err == nil || err == errDamagedHead) && isPacked(line):
		return h, fmt.Errorf("%s is %w but packed or compressed: unpack it first", fr.name, not)
	case !ours && (err == nil || err == errDamagedHead):
		return h, fmt.Errorf("%s is %w: it does not begin with %q", fr.name, not, begin)
	case err != nil:
		return h, fr.errorf("%w", err)
	case version == filtersVersion+"\r":
		return h, fr.errorf("its line ends were changed on the way, as a transfer in text mode does; send it again in binary mode")
	case version != filtersVersion && (version == "" || version[0] == '0' || strings.Trim(version, "0123456789") != ""):
		return h, fr.errorf("%w", errDamagedHead)
	case version != filtersVersion:
		return h, fr.errorf("it is of version %s of the %s format, and this cohortlink reads version %s; update cohortlink", version, fr.kind, filtersVersion)
	}
	if line, err = fr.line(maxFiltersHeader); err != nil {
		return h, fr.errorf("%w", err)
	}
	if !decodeCanonical(line, &h, func() any { return h }) {
		return h, fr.errorf("its header is not as the format has it: the file is damaged, or written by a newer cohortlink")
	}
	if err := h.check(); err != nil {
		return h, fr.errorf("%w", err)
	}
	return h, nil
}

func (fr *filtersReader) manifest() (m FiltersManifest, err error) {
	line, err := fr.line(maxFiltersManifest)
	if err != nil {
		return m, fr.errorf("%w", err)
	}
	if !decodeCanonical(line, &m, func() any { return m.normal() }) {
		return m, fr.errorf("its manifest is not as the format has it: the file is damaged, or written by a newer cohortlink")
	}
	m = m.normal()
	if err := m.check(); err != nil {
		return m, fr.errorf("%w", err)
	}
	return m, nil
}

// isPacked reports whether a file that begins so is compressed with gzip, zip, zstd, xz, bzip2 or 7z. What is inside is not looked at.
func isPacked(start []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh", "7z\xbc\xaf\x27\x1c"} {
		if bytes.HasPrefix(start, []byte(magic)) {
			return true
		}
	}
	return false
}

// decodeCanonical reads JSON into v and reports whether canonicalJSON of value() gives the same bytes again. That settles at once unknown and
// repeated keys, keys in another case, white space, and null for an empty list. What is wrong is not said: the line may be anything.
func decodeCanonical(line []byte, v any, value func() any) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return d.Decode(v) == nil && bytes.Equal(canonicalJSON(value()), line)
}

// body reads the rows, the digest and the place of the signature. room is the most bytes there can be.
func (fr *filtersReader) body(f *FiltersFile, room int64) error {
	l := f.Manifest.layout()
	n := f.Manifest.Records
	end := int64(clearEnd)
	if fr.sealed {
		end = sealedEnd
	}
	// At most 2³¹ rows of at most 2²⁰ bytes (64 filters of 16 KiB and the rest): far from the end of an int64.
	if need := int64(n)*int64(l.size) + end; fr.sealed && need != room {
		return fr.errorf("it announces %d records, %d bytes, and %d bytes are in its seal; ask %s for it again", n, need, room, f.Header.Party)
	} else if need > room {
		return fr.errorf("it announces %d records, %d bytes, and only %d bytes are there: it was cut short; ask %s for it again", n, need, max(room, 0), f.Header.Party)
	}
	f.IDs = make([]RecordID, n)
	f.Bits = make([][]uint64, len(l.words))
	for i, words := range l.words {
		f.Bits[i] = make([]uint64, n*words)
	}
	f.Exact = make([][]ExactKey, len(l.exact))
	for i := range f.Exact {
		f.Exact[i] = make([]ExactKey, n)
	}
	f.Needs = make([][]uint16, len(l.needs))
	for i := range f.Needs {
		f.Needs[i] = make([]uint16, n)
	}
	rows := max(1, 1<<20/l.size)
	block := make([]byte, min(rows, n)*l.size)
	for at := 0; at < n; at += rows {
		block = block[:min(rows, n-at)*l.size]
		if _, err := io.ReadFull(fr.r, block); err != nil {
			return fr.readError(err)
		}
		fr.digest.Write(block)
		for i := 0; i*l.size < len(block); i++ {
			f.setRow(at+i, &l, block[i*l.size:(i+1)*l.size])
		}
	}
	var err error
	f.Digest, err = fr.end()
	return err
}

func (fr *filtersReader) readError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fr.errorf("it was cut short; ask %s for it again", fr.from)
	}
	return fr.errorf("%w", bare(err))
}

func (f *FiltersFile) setRow(i int, l *rowLayout, row []byte) {
	copy(f.IDs[i][:], row)
	for k, words := range l.words {
		from, to := row[l.filters[k]:], f.Bits[k][i*words:(i+1)*words]
		for w := range to {
			to[w] = binary.LittleEndian.Uint64(from[8*w:])
		}
	}
	for k, at := range l.exact {
		copy(f.Exact[k][i][:], row[at:])
	}
	for k, at := range l.needs {
		f.Needs[k][i] = binary.LittleEndian.Uint16(row[at:])
	}
}

// checkRows refuses rows that a right digest covers and that are wrong all the same.
func (f *FiltersFile) checkRows() error {
	for i := 1; i < len(f.IDs); i++ {
		switch c := bytes.Compare(f.IDs[i-1][:], f.IDs[i][:]); {
		case c == 0:
			return fmt.Errorf("records %d and %d have the same record ID", i, i+1)
		case c > 0:
			return fmt.Errorf("record %d is not in the order of record IDs", i+1)
		}
	}
	for k, layout := range f.Manifest.Filters {
		words, rest := layout.words(), layout.Bits%64
		if rest == 0 {
			continue
		}
		for i := range f.IDs {
			if f.Bits[k][(i+1)*words-1]>>rest != 0 {
				return fmt.Errorf("record %d, filter %d: a bit beyond the length of %d is set", i+1, k+1, layout.Bits)
			}
		}
	}
	for k, need := range f.Manifest.Needs {
		for i, v := range f.Needs[k] {
			if int(v) > len(need.Values) {
				return fmt.Errorf("record %d, need %d: there is no such value", i+1, k+1)
			}
		}
	}
	return nil
}

// CheckTogether refuses files that cannot be linked with each other: of another project, schema or key, with other filters,
// the same file twice, or two of the same party.
func CheckTogether(files []*FiltersFile) error {
	parties := map[string]*FiltersFile{}
	for _, f := range files {
		if other, twice := parties[f.Header.Party]; twice && other.Header.Run == f.Header.Run {
			return fmt.Errorf("%s and %s are the same file of party %q; give it once", shownPath(other.Name), shownPath(f.Name), f.Header.Party)
		} else if twice {
			return fmt.Errorf("%s and %s are both of party %q; give its newest file only", shownPath(other.Name), shownPath(f.Name), f.Header.Party)
		}
		parties[f.Header.Party] = f
		if err := checkAlike(files[0], f); err != nil {
			return err
		}
	}
	return nil
}

// checkAlike refuses files that were not made in the same way.
func checkAlike(first, f *FiltersFile) error {
	differ := func(what, then string) error {
		return fmt.Errorf("%s and %s have %s; %s", shownPath(first.Name), shownPath(f.Name), what, then)
	}
	switch {
	case f.Header.Project != first.Header.Project:
		return differ("different projects", "files of one project only can be linked")
	case f.Header.Schema != first.Header.Schema:
		return differ("different schema fingerprints", "both parties must hash again with the same project file")
	case f.Header.Key != first.Header.Key:
		return differ("different key fingerprints", "both parties must hash again with the same key")
	case !bytes.Equal(canonicalJSON(f.Manifest.Filters), canonicalJSON(first.Manifest.Filters)),
		!bytes.Equal(canonicalJSON(f.Manifest.Exact), canonicalJSON(first.Manifest.Exact)):
		return differ("different filters or exact keys under the same fingerprints", "both parties must hash again with the same version of cohortlink")
	}
	return nil
}
