package formats

// Files of clkhash: what a party that uses clkhash in Python sends in place of a filters file. There are two forms, neither of them ours:
//
//	{"clks": ["q83v…", …]}     clks JSON, as "anonlink encode" writes it: a CLK each in base64
//	CLK, CLK, CLK …            the binary form, as the anonlink entity service takes it: the bytes back to back
//
// Neither says whose it is, of which project, schema or key, nor how many bits of the last byte count; the binary form does not even say how
// long a CLK is. There is no digest and no signature. What a filters file would say has to come from whoever links, and what nobody can
// check is said where the result is told.
//
// A CLK has no name but its place. So each row gets a record ID that looks random like any other and follows from the file and the row:
// the same file gives the same record IDs again. What goes back has the row beside the person (RowLinks), because the party knows no record IDs.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"slices"
	"strconv"
)

// The forms of CLKs.
const (
	CLKsJSON   = "json"
	CLKsBinary = "binary"
)

// CLKsEncoding is the encoding of filters that are clkhash's CLKs, whoever made them.
const CLKsEncoding = "clkhash/1"

const clksSimilarity = "dice"

// maxCLK is the longest CLK in bytes, and maxCLKText the same in base64.
const maxCLK = maxFilterBits / 8

var maxCLKText = base64.StdEncoding.EncodedLen(maxCLK)

// ErrNotCLKs is in the error for a file that does not begin as clks JSON does.
var ErrNotCLKs = errors.New("not a file of CLKs")

// CLKs is a file of CLKs in memory.
type CLKs struct {
	Name   string // where it was read from, for messages
	Form   string // CLKsJSON or CLKsBinary
	Size   int    // of a CLK, in bytes
	Rows   int
	Digest [32]byte // SHA-256 of the file

	// The bits of chunkRows rows each: memory is taken as CLKs are read, and not for as many as the size of a file promises.
	chunks    [][]uint64
	chunkRows int
}

const chunkWords = 1 << 17 // 1 MiB

func (c *CLKs) words() int { return (c.Size + 7) / 8 }

// Row returns the words of a row, from 0. Bit i of a CLK, which is bit 7-i%8 of its byte i/8, is bit i%64 of word i/64.
func (c *CLKs) Row(i int) []uint64 {
	words := c.words()
	at := i % c.chunkRows * words
	return c.chunks[i/c.chunkRows][at : at+words]
}

// IsCLKs reports whether a file begins as clks JSON may.
func IsCLKs(path string) (bool, error) {
	f, _, err := openRegular(path, ErrNotCLKs)
	if err != nil {
		return false, err
	}
	defer f.Close()
	c, err := (&clksReader{r: bufio.NewReaderSize(f, 64)}).token()
	if err != nil && err != io.EOF {
		return false, openError(path, err)
	}
	return err == nil && c == '{', nil
}

// ReadCLKs reads clks JSON.
func ReadCLKs(path string) (*CLKs, error) {
	f, _, err := openRegular(path, ErrNotCLKs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseCLKs(path, f)
}

// ReadBinaryCLKs reads the binary form of CLKs of so many bytes each.
func ReadBinaryCLKs(path string, size int) (*CLKs, error) {
	f, total, err := openRegular(path, ErrNotCLKs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseBinaryCLKs(path, f, total, size)
}

// ParseCLKs is ReadCLKs for bytes from anywhere; name stands in errors.
func ParseCLKs(name string, r io.Reader) (*CLKs, error) {
	c := &CLKs{Name: name, Form: CLKsJSON}
	sum := sha256.New()
	cr := &clksReader{r: bufio.NewReaderSize(io.TeeReader(r, sum), 1<<16)}
	if err := cr.read(c); errors.Is(err, ErrNotCLKs) {
		return nil, fmt.Errorf("%s is %w", shownPath(name), err)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", shownPath(name), err)
	}
	return c.done(sum)
}

// done ends reading.
func (c *CLKs) done(sum hash.Hash) (*CLKs, error) {
	if c.Rows == 0 {
		return nil, fmt.Errorf("%s holds no CLK", shownPath(c.Name))
	}
	sum.Sum(c.Digest[:0])
	return c, nil
}

// clksReader reads clks JSON a sign at a time. encoding/json would read it whole, with a string for every CLK, or a token at a time, with a
// value for every token; and a file may hold a million.
type clksReader struct {
	r   *bufio.Reader
	raw [maxCLK + 2]byte // what maxCLKText characters may decode to
}

// token returns the next byte that is not white space.
func (cr *clksReader) token() (byte, error) {
	for {
		c, err := cr.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, nil
		}
	}
}

func clksReadError(err error) error {
	if err == io.EOF {
		return errors.New("it was cut short; ask for the file again")
	}
	return fmt.Errorf("it cannot be read: %w", bare(err))
}

// quoted reads what is between quotation marks, the first of which was read. It holds until the next read.
func (cr *clksReader) quoted(max int) ([]byte, error) {
	text, err := cr.r.ReadSlice('"')
	switch {
	case err == bufio.ErrBufferFull || len(text) > max+1:
		return nil, fmt.Errorf("a text is longer than %d characters", max)
	case err != nil:
		return nil, clksReadError(err)
	}
	return text[:len(text)-1], nil
}

func (cr *clksReader) read(c *CLKs) error {
	if err := cr.head(); err != nil {
		return err
	}
	for first := true; ; first = false {
		sign, err := cr.token()
		if err != nil {
			return clksReadError(err)
		}
		if first && sign == ']' {
			break
		}
		if !first {
			if sign == ']' {
				break
			} else if sign != ',' {
				return fmt.Errorf("after CLK %d there is neither a comma nor the end of the list", c.Rows)
			}
			if sign, err = cr.token(); err != nil {
				return clksReadError(err)
			}
		}
		if sign != '"' {
			return fmt.Errorf("CLK %d is not text in quotation marks", c.Rows+1)
		}
		if err := cr.clk(c); err != nil {
			return fmt.Errorf("CLK %d: %w", c.Rows+1, err)
		}
	}
	if sign, err := cr.token(); err != nil {
		return clksReadError(err)
	} else if sign != '}' {
		return errors.New("something other than clks is in it, which anonlink encode does not write")
	}
	if _, err := cr.token(); err == nil {
		return errors.New("something comes after its end")
	} else if err != io.EOF {
		return clksReadError(err)
	}
	return nil
}

// head reads {"clks": [ and says of other JSON what it is not.
func (cr *clksReader) head() error {
	for _, want := range []byte(`{"`) {
		if c, err := cr.token(); err != nil && err != io.EOF {
			return clksReadError(err)
		} else if err == io.EOF || c != want {
			return fmt.Errorf(`%w: it does not begin with {"clks"`, ErrNotCLKs)
		}
	}
	switch name, err := cr.quoted(64); {
	case err == nil && string(name) == "clknblocks":
		return fmt.Errorf(`%w: it holds blocks beside the CLKs, which cohortlink does not need; send what "anonlink encode" wrote`, ErrNotCLKs)
	case err != nil || string(name) != "clks":
		return fmt.Errorf(`%w: it does not begin with {"clks"`, ErrNotCLKs)
	}
	for _, want := range []byte(`:[`) {
		if c, err := cr.token(); err != nil {
			return clksReadError(err)
		} else if c != want {
			return errors.New(`after "clks" there is no list`)
		}
	}
	return nil
}

// clk reads a CLK, after its first quotation mark.
func (cr *clksReader) clk(c *CLKs) error {
	text, err := cr.quoted(maxCLKText)
	if err != nil {
		return err
	}
	// The decoder would pass over line ends; they cannot stand in JSON's texts.
	n, err := base64.StdEncoding.Strict().Decode(cr.raw[:], text)
	switch {
	case err != nil || bytes.ContainsAny(text, "\r\n"):
		return errors.New("it is not base64")
	case n == 0 || n > maxCLK:
		return fmt.Errorf("it has %d bytes, not 1 to %d", n, maxCLK)
	case c.Rows == 0:
		c.Size = n
	case n != c.Size:
		return fmt.Errorf("it has %d bytes, where those before it have %d", n, c.Size)
	case c.Rows == maxFiltersRecords:
		return fmt.Errorf("there are more than %d", maxFiltersRecords)
	}
	c.add(cr.raw[:n])
	return nil
}

// add appends a CLK.
func (c *CLKs) add(clk []byte) {
	if c.chunkRows == 0 {
		c.chunkRows = max(1, chunkWords/c.words())
	}
	if c.Rows%c.chunkRows == 0 {
		c.chunks = append(c.chunks, make([]uint64, c.chunkRows*c.words()))
	}
	row := c.Row(c.Rows)
	for i := range row {
		var word [8]byte
		copy(word[:], clk[8*i:])
		row[i] = bits.Reverse64(binary.BigEndian.Uint64(word[:]))
	}
	c.Rows++
}

// ParseBinaryCLKs is ReadBinaryCLKs for bytes from anywhere. name stands in errors; total is the number of bytes that r holds.
func ParseBinaryCLKs(name string, r io.Reader, total int64, size int) (*CLKs, error) {
	if size < 1 || size > maxCLK {
		return nil, fmt.Errorf("CLKs of %d bytes cannot be read, only of 1 to %d", size, maxCLK)
	}
	c := &CLKs{Name: name, Form: CLKsBinary, Size: size}
	rows := total / int64(size)
	switch {
	case total%int64(size) != 0:
		return nil, fmt.Errorf("%s has %d bytes, which is no whole number of CLKs of %d bytes: it was cut short, or its CLKs have another length", shownPath(name), total, size)
	case rows > maxFiltersRecords:
		return nil, fmt.Errorf("%s holds more than %d CLKs", shownPath(name), maxFiltersRecords)
	}
	sum := sha256.New()
	from := bufio.NewReaderSize(io.TeeReader(io.LimitReader(r, total), sum), 1<<16)
	clk := make([]byte, size)
	for range rows {
		if _, err := io.ReadFull(from, clk); err == io.ErrUnexpectedEOF || err == io.EOF {
			return nil, fmt.Errorf("%s: it became shorter while it was read", shownPath(name))
		} else if err != nil {
			return nil, openError(name, err)
		}
		c.add(clk)
	}
	return c.done(sum)
}

// recordID is the record ID of a row, from 1. It tells nothing to whoever has not the file, and differs between parties even if they sent
// the same bytes.
func (c *CLKs) recordID(party string, row int) (id RecordID) {
	text := append([]byte("cohortlink record of a clks file, version 1\n"+party+"\n"), c.Digest[:]...)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, uint64(row)))
	copy(id[:], sum[:])
	return id
}

// Filters returns the CLKs as the filters of a party, in the order of record IDs, and for each the row it was, from 1. Project, schema and
// key are not known and left empty; the run is the beginning of the digest.
func (c *CLKs) Filters(party string) (*FiltersFile, []int) {
	ids, rows := make([]RecordID, c.Rows), make([]int, c.Rows)
	for i := range rows {
		ids[i], rows[i] = c.recordID(party, i+1), i+1
	}
	slices.SortFunc(rows, func(a, b int) int { return bytes.Compare(ids[a-1][:], ids[b-1][:]) })
	words := c.words()
	f := &FiltersFile{
		Name:   c.Name,
		Header: FiltersHeader{Party: party, Run: hex.EncodeToString(c.Digest[:16]), Seal: sealNone},
		Manifest: FiltersManifest{Records: c.Rows, Tool: "clkhash", Filters: []FilterLayout{
			{Name: "record", Bits: 8 * c.Size, Encoding: CLKsEncoding, Similarity: clksSimilarity},
		}}.normal(),
		IDs: make([]RecordID, c.Rows), Bits: [][]uint64{make([]uint64, c.Rows*words)}, Digest: c.Digest,
	}
	for i, row := range rows {
		f.IDs[i] = ids[row-1]
		copy(f.Bits[0][i*words:], c.Row(row-1))
	}
	return f, rows
}

// JoinCLKs completes what files of CLKs leave open, before they are linked with each other and with filters that cohortlink made under a
// clkhash linkage schema: the project, the schema, the key and how many bits count are those of the filters, as far as anybody can
// tell. It refuses what cannot be linked. project is the project's name where there are no such filters.
func JoinCLKs(filters, clks []*FiltersFile, project string) error {
	first := clks[0]
	header, layout := FiltersHeader{Project: project}, first.Manifest.Filters[0]
	if len(filters) > 0 {
		own := filters[0]
		if len(own.Manifest.Filters) != 1 || own.Manifest.Filters[0].Encoding != CLKsEncoding || len(own.Manifest.Exact) > 0 {
			return fmt.Errorf("%s holds CLKs and %s filters of another encoding, which have nothing in common; %s must hash by a project with the profile clkhash, and the same linkage schema",
				shownPath(first.Name), shownPath(own.Name), own.Header.Party)
		}
		header, layout = own.Header, own.Manifest.Filters[0]
	}
	for i, f := range clks {
		for _, g := range clks[:i] {
			if g.Digest == f.Digest && g.Header.Party != f.Header.Party {
				return fmt.Errorf("%s and %s hold the same CLKs; give them once, or ask whose they are", shownPath(g.Name), shownPath(f.Name))
			}
		}
		size, want := f.Manifest.Filters[0].Bits/8, (layout.Bits+7)/8
		if size != want {
			return fmt.Errorf("%s has CLKs of %d bytes, where the others have %d; all parties must use the same linkage schema", shownPath(f.Name), size, want)
		}
		f.Header.Project, f.Header.Schema, f.Header.Key = header.Project, header.Schema, header.Key
		f.Manifest.Filters = []FilterLayout{layout}
		if err := f.checkRows(); err != nil {
			return fmt.Errorf("%s is of another linkage schema than the others: %w", shownPath(f.Name), err)
		}
	}
	return nil
}

const rowLinksHeader = "row,person_id"

// WriteRowLinks writes which person each row of a file of CLKs belongs to: a line for each row, in order. It is for a party that
// knows its records by their rows alone.
func WriteRowLinks(w io.Writer, persons []PersonID) error {
	b := bufio.NewWriterSize(w, 1<<16)
	b.WriteString(rowLinksHeader + "\n")
	var line []byte
	for i, p := range persons {
		line = p.append(append(strconv.AppendInt(line[:0], int64(i+1), 10), ','))
		b.Write(append(line, '\n'))
	}
	return b.Flush()
}
