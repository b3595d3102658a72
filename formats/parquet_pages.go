package formats

// The guard around parquet/file. That library believes what a file says about itself: it makes room for as many row
// groups as the footer announces, for as many bytes as a page header names, for a dictionary entry as far up as an
// index points. In a damaged file these are numbers like two thousand million, and running out of memory cannot be
// recovered from. So everything that the library would size something by is checked here first, against bytes that
// are really there. What is merely wrong may then panic in the library; the callers recover, which works because
// all of it runs in their own goroutine.
//
// Two places are worth the care: the footer is walked once before the library parses it, and the pages are taken
// out of the file and decompressed here (parquetPages), so that the library only decodes values.
//
// The format: github.com/apache/parquet-format (README.md, Encodings.md, src/main/thrift/parquet.thrift) and the
// Thrift compact protocol, github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
	"github.com/klauspost/compress/zstd"
)

const (
	maxFooter     = 64 << 20  // bytes
	maxPage       = 256 << 20 // bytes, decompressed
	maxPageHeader = 64 << 10  // bytes
	maxGroupRows  = 1 << 28
	maxGroups     = 1 << 15
)

var errDamaged = errors.New("is damaged")

// damaged is an error about a Parquet or Arrow file that contradicts itself.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w (%s); export it again", errDamaged, fmt.Sprintf(format, args...))
}

// damagedBy is damaged for an error of a library's, unless the file could not be read or has changed.
func damagedBy(err error, what string) error {
	if errors.Is(err, errChanged) || errors.Is(err, errUnreadable) {
		return err
	}
	return damaged("%s", what)
}

// openParquet opens a Parquet file of which every size that the footer names has been checked.
func openParquet(r parquet.ReaderAtSeeker, size int64) (*file.Reader, error) {
	tail := make([]byte, 8)
	if size < 12 {
		return nil, damaged("it is cut off after %d bytes", size)
	}
	if _, err := r.ReadAt(tail, size-8); err != nil {
		return nil, err
	}
	switch {
	case string(tail[4:]) == "PARE":
		return nil, errors.New("is an encrypted Parquet file; export it without encryption")
	case string(tail[4:]) != "PAR1":
		return nil, damaged("it does not end as a Parquet file does; it may be cut off")
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if length > size-12 || length > maxFooter {
		return nil, damaged("its footer is given as %d bytes", length)
	}
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, size-8-length); err != nil {
		return nil, err
	}
	elements := int64(0)
	_, err := walkThrift(footer, func(path []int16, v int64) {
		if len(path) == 1 && path[0] == 2 { // FileMetaData.schema, which the library descends by recursion
			elements = v
		}
	})
	if err != nil {
		return nil, damaged("its footer: %v", err)
	}
	if elements > 2*maxColumns {
		return nil, fmt.Errorf("has a schema of %d elements, more than cohortlink reads; leave out what is not needed", elements)
	}
	props := parquet.NewReaderProperties(memory.NewGoAllocator())
	f, err := file.NewParquetReader(r, file.WithReadProps(props))
	if err != nil {
		return nil, damagedBy(err, "its footer cannot be read")
	}
	return f, checkParquetFooter(f, size)
}

func checkParquetFooter(f *file.Reader, size int64) error {
	meta := f.MetaData()
	if f.NumRowGroups() > maxGroups {
		return damaged("it has %d row groups", f.NumRowGroups())
	}
	var rows int64
	for g := range f.NumRowGroups() {
		group := meta.RowGroup(g)
		if group.NumColumns() != meta.Schema.NumColumns() {
			return damaged("row group %d has %d columns, the schema %d", g, group.NumColumns(), meta.Schema.NumColumns())
		}
		if group.NumRows() < 0 || group.NumRows() > maxGroupRows {
			return damaged("row group %d is given as %d rows", g, group.NumRows())
		}
		rows += group.NumRows()
		for c := range group.NumColumns() {
			chunk, err := group.ColumnChunk(c)
			if err != nil {
				return damaged("row group %d, column %d cannot be read", g, c+1)
			}
			if chunk.CryptoMetadata() != nil {
				return errors.New("is an encrypted Parquet file; export it without encryption")
			}
			if chunk.FilePath() != "" {
				return errors.New("is a Parquet file that points to other files; export it as one file")
			}
			if !readableCodec(chunk.Compression()) {
				return fmt.Errorf("is compressed with %s, which cohortlink does not read; export it with zstd, snappy or gzip", chunk.Compression())
			}
			start, length := chunkExtent(chunk.DataPageOffset(), chunk.DictionaryPageOffset(), chunk.HasDictionaryPage()), chunk.TotalCompressedSize()
			if start < 4 || length < 0 || start > size-8 || length > size-8-start {
				return damaged("row group %d, column %d lies outside the file", g, c+1)
			}
			// Repeated columns, the only ones in which these could differ, are refused with their name elsewhere.
			if meta.Schema.Column(c).MaxRepetitionLevel() == 0 && chunk.NumValues() != group.NumRows() {
				return damaged("row group %d has %d rows, column %d of it %d", g, group.NumRows(), c+1, chunk.NumValues())
			}
		}
	}
	if rows != f.NumRows() {
		return damaged("its row groups have %d rows, the footer says %d", rows, f.NumRows())
	}
	return nil
}

// chunkExtent is where a column chunk begins. Some writers give a dictionary offset of 0 for none.
func chunkExtent(data, dictionary int64, hasDictionary bool) int64 {
	if hasDictionary && dictionary > 0 && dictionary < data {
		return dictionary
	}
	return data
}

// openChunk is a reader of one column in one row group.
func openChunk(f *file.Reader, r io.ReaderAt, group, column int) (file.ColumnChunkReader, error) {
	chunk, err := f.MetaData().RowGroup(group).ColumnChunk(column)
	if err != nil {
		return nil, err
	}
	start := chunkExtent(chunk.DataPageOffset(), chunk.DictionaryPageOffset(), chunk.HasDictionaryPage())
	col := f.MetaData().Schema.Column(column)
	pages := &parquetPages{
		r:      bufio.NewReaderSize(io.NewSectionReader(r, start, chunk.TotalCompressedSize()), maxPageHeader),
		left:   chunk.TotalCompressedSize(),
		values: chunk.NumValues(),
		codec:  chunk.Compression(),
		column: col,
	}
	return file.NewColumnReader(col, pages, memory.NewGoAllocator(), nil), nil
}

// parquetPages gives out the pages of one column chunk, in place of the library's own page reader.
type parquetPages struct {
	r      *bufio.Reader
	left   int64 // bytes of the chunk not read yet
	values int64 // values, nulls among them, that data pages have still to bring
	codec  compress.Compression
	column *schema.Column

	dictionary int // entries
	page       file.Page
	packed     []byte
	err        error
}

func (p *parquetPages) SetMaxPageHeaderSize(int) {}
func (p *parquetPages) Page() file.Page          { return p.page }
func (p *parquetPages) Err() error               { return p.err }

// Reset is for readers that are used for one chunk after another; each of ours is used for one.
func (p *parquetPages) Reset(parquet.BufferedReader, int64, compress.Compression, *file.CryptoContext) {
	p.err = errors.New("a page reader is used for one column chunk only")
}

func (p *parquetPages) Next() bool {
	p.page = nil
	if p.err == nil && p.values > 0 {
		p.page, p.err = p.read()
	}
	return p.err == nil && p.page != nil
}

// Kinds of page: PageType in parquet.thrift.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

func (p *parquetPages) read() (file.Page, error) {
	view, err := p.r.Peek(int(min(p.left, maxPageHeader)))
	if err != nil && err != io.EOF {
		return nil, err
	}
	var h pageHeader
	n, err := walkThrift(view, h.set)
	if err != nil {
		return nil, damaged("column %q: page header: %v", p.column.Name(), err)
	}
	p.r.Discard(n)
	p.left -= int64(n)
	if err := h.check(p); err != nil {
		return nil, damaged("column %q: %v", p.column.Name(), err)
	}
	p.packed = slices.Grow(p.packed[:0], int(h.packed))[:h.packed]
	if _, err := io.ReadFull(p.r, p.packed); err != nil {
		return nil, err
	}
	p.left -= h.packed

	// Values that the library decodes may point into the page, so each page has memory of its own.
	data := make([]byte, h.unpacked)
	levels := int64(0)
	codec := p.codec
	if h.kind == dataPageV2 {
		levels = h.repLevels + h.defLevels // these are never compressed
		copy(data, p.packed[:levels])
		if !h.compressed {
			codec = compress.Codecs.Uncompressed
		}
	}
	if err := unpack(data[levels:], p.packed[levels:], codec); err != nil {
		return nil, fmt.Errorf("column %q: %w", p.column.Name(), err)
	}
	buf := memory.NewBufferBytes(data)
	encoding := parquet.Encoding(h.encoding)
	switch h.kind {
	case dictionaryPage:
		p.dictionary = int(h.values)
		return file.NewDictionaryPage(buf, int32(h.values), encoding), nil
	case dataPage:
		p.values -= h.values
		start, err := levelsLength(data, p.column.MaxDefinitionLevel(), parquet.Encoding(h.defEncoding))
		if err == nil {
			encoding, err = p.checkValues(data[start:], h.values, encoding)
		}
		if err != nil {
			return nil, damaged("column %q: %v", p.column.Name(), err)
		}
		return file.NewDataPageV1(buf, int32(h.values), encoding, parquet.Encoding(h.defEncoding), parquet.Encoding(h.repEncoding), int32(h.unpacked)), nil
	default:
		p.values -= h.values
		if encoding, err = p.checkValues(data[levels:], h.values, encoding); err != nil {
			return nil, damaged("column %q: %v", p.column.Name(), err)
		}
		return file.NewDataPageV2(buf, int32(h.values), int32(h.nulls), int32(h.rows), encoding, int32(h.defLevels), int32(h.repLevels), int32(h.unpacked), h.compressed), nil
	}
}

// pageHeader is what is needed of a PageHeader (parquet.thrift).
type pageHeader struct {
	kind, packed, unpacked              int64
	values, nulls, rows                 int64
	encoding, defEncoding, repEncoding  int64
	defLevels, repLevels                int64
	compressed                          bool
	hasData, hasDictionary, hasDataV2   bool
	hasKind, hasPacked, hasUnpackedSize bool
}

// set takes a number at the path of field ids from the outermost struct.
func (h *pageHeader) set(path []int16, v int64) {
	if len(path) == 1 {
		switch path[0] {
		case 1:
			h.kind, h.hasKind = v, true
		case 2:
			h.unpacked, h.hasUnpackedSize = v, true
		case 3:
			h.packed, h.hasPacked = v, true
		}
		return
	}
	if len(path) != 2 {
		return
	}
	var to *int64
	switch path[0] {
	case 5: // DataPageHeader
		h.hasData = true
		to = map[int16]*int64{1: &h.values, 2: &h.encoding, 3: &h.defEncoding, 4: &h.repEncoding}[path[1]]
	case 7: // DictionaryPageHeader
		h.hasDictionary = true
		to = map[int16]*int64{1: &h.values, 2: &h.encoding}[path[1]]
	case 8: // DataPageHeaderV2
		if !h.hasDataV2 {
			h.hasDataV2, h.compressed = true, true // compressed is the default
		}
		if path[1] == 7 {
			h.compressed = v != 0
			return
		}
		to = map[int16]*int64{1: &h.values, 2: &h.nulls, 3: &h.rows, 4: &h.encoding, 5: &h.defLevels, 6: &h.repLevels}[path[1]]
	}
	if to != nil {
		*to = v
	}
}

// check holds the header against what is left of the chunk.
func (h *pageHeader) check(p *parquetPages) error {
	switch {
	case !h.hasKind || !h.hasPacked || !h.hasUnpackedSize:
		return errors.New("page header is incomplete")
	case h.kind == dataPage && !h.hasData, h.kind == dictionaryPage && !h.hasDictionary, h.kind == dataPageV2 && !h.hasDataV2:
		return errors.New("page header is incomplete")
	case h.kind != dataPage && h.kind != dictionaryPage && h.kind != dataPageV2:
		return fmt.Errorf("page of unknown kind %d", h.kind)
	case h.packed < 0 || h.packed > p.left:
		return fmt.Errorf("page of %d bytes with %d left", h.packed, p.left)
	case h.unpacked < 0 || h.unpacked > maxPage:
		return fmt.Errorf("page of %d bytes decompressed", h.unpacked)
	case h.values < 0 || h.nulls < 0 || h.rows < 0:
		return errors.New("page with a negative count")
	case h.kind == dictionaryPage && (p.dictionary > 0 || h.values > h.unpacked):
		return fmt.Errorf("dictionary of %d entries in %d bytes", h.values, h.unpacked)
	case h.kind != dictionaryPage && h.values > p.values:
		return fmt.Errorf("page of %d values with %d left", h.values, p.values)
	case h.nulls > h.values:
		return fmt.Errorf("page of %d nulls among %d values", h.nulls, h.values)
	case h.defLevels < 0 || h.repLevels < 0 || h.defLevels+h.repLevels > min(h.packed, h.unpacked):
		return errors.New("page smaller than its levels")
	}
	return nil
}

// levelsLength is how many bytes the definition levels take in a version 1 data page. Columns are not nested, so the
// levels are 0 or 1, and there are no repetition levels.
func levelsLength(data []byte, maxLevel int16, encoding parquet.Encoding) (int64, error) {
	if maxLevel == 0 {
		return 0, nil
	}
	if encoding != parquet.Encodings.RLE {
		return 0, errors.New("definition levels in an encoding that is long out of use")
	}
	if len(data) < 4 {
		return 0, errors.New("page smaller than its levels")
	}
	length := 4 + int64(binary.LittleEndian.Uint32(data))
	if length > int64(len(data)) {
		return 0, errors.New("page smaller than its levels")
	}
	return length, nil
}

// byteStreamSplit is the one encoding in use that the library does not know (Encodings.md, "Byte Stream Split"):
// DuckDB writes it. Its number is from parquet.thrift.
const byteStreamSplit = parquet.Encoding(9)

// checkValues checks the numbers at the head of encoded values by which the library makes room, and gives the
// encoding that the values are in: those that the library could not decode are turned into plain ones.
func (p *parquetPages) checkValues(data []byte, values int64, encoding parquet.Encoding) (parquet.Encoding, error) {
	switch encoding {
	case parquet.Encodings.RLEDict, parquet.Encodings.PlainDict:
		// The first byte is the width of an index in bits. The library makes room for as many entries as the
		// greatest index asks for before it finds that the dictionary has fewer: with 16 bits that is little, with
		// 32 it would be the end of the process. More than 16 where they are not needed is rare (xitongsys), and
		// then the indices are looked at one by one.
		if len(data) > 0 && int(data[0]) > max(16, bits.Len(uint(p.dictionary))) {
			return encoding, checkIndices(data[1:], int(data[0]), values, uint64(p.dictionary))
		}
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray:
		_, err := checkDelta(data, values)
		return encoding, err
	case parquet.Encodings.DeltaByteArray:
		// Lengths of prefixes, then the suffixes as in DeltaLengthByteArray.
		n, err := checkDelta(data, values)
		if err == nil {
			_, err = checkDelta(data[n:], values)
		}
		return encoding, err
	case byteStreamSplit:
		width := map[parquet.Type]int{parquet.Types.Float: 4, parquet.Types.Int32: 4, parquet.Types.Double: 8, parquet.Types.Int64: 8}[p.column.PhysicalType()]
		if p.column.PhysicalType() == parquet.Types.FixedLenByteArray {
			width = p.column.TypeLength()
		}
		if width <= 0 || len(data)%width != 0 {
			return encoding, errors.New("split bytes that make no whole values")
		}
		n := len(data) / width
		split := slices.Clone(data)
		for i := range data {
			data[i] = split[i%width*n+i/width]
		}
		return parquet.Encodings.Plain, nil
	}
	return encoding, nil
}

// checkIndices checks that dictionary indices (Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"), of which
// there are at most values, of width bits each, are below entries.
func checkIndices(data []byte, width int, values int64, entries uint64) error {
	wrong := errors.New("an index lies outside the dictionary")
	if width > 32 {
		return wrong
	}
	for values > 0 && len(data) > 0 {
		head, n := binary.Uvarint(data)
		if n <= 0 || head>>1 > 1<<32 {
			return wrong
		}
		data = data[n:]
		if head&1 == 0 { // one value, head>>1 times
			index := uint64(0)
			size := min((width+7)/8, len(data))
			for i, b := range data[:size] {
				index |= uint64(b) << (8 * i)
			}
			if index >= entries {
				return wrong
			}
			data, values = data[size:], values-int64(head>>1)
			continue
		}
		packed := data[:min(uint64(len(data)), head>>1*uint64(width))] // groups of 8 values
		data = data[len(packed):]
		for at := 0; at+width <= 8*len(packed) && values > 0; at, values = at+width, values-1 {
			index := uint64(0)
			for k := range width {
				bit := at + k
				index |= uint64(packed[bit/8]>>(bit%8)&1) << k
			}
			if index >= entries {
				return wrong
			}
		}
	}
	return nil
}

// checkDelta checks delta-encoded whole numbers (Encodings.md, "Delta Encoding"), of which there may be at most
// values, and gives their length.
func checkDelta(data []byte, values int64) (length int, err error) {
	cut := errors.New("delta encoding is cut off")
	number := func() uint64 {
		v, n := binary.Uvarint(data[min(length, len(data)):])
		if n <= 0 {
			err = cut
			return 0
		}
		length += n
		return v
	}
	block, minis, count := number(), number(), number()
	number() // the first value
	if err != nil {
		return 0, err
	}
	if block == 0 || block > 1<<20 || minis == 0 || minis > block || count > uint64(values) {
		return 0, errors.New("delta encoding contradicts its page")
	}
	perMini := block / minis
	for left := int64(count) - 1; left > 0; {
		number() // the least delta of the block
		widths := length
		length += int(minis)
		if err != nil || length > len(data) {
			return 0, cut
		}
		// Miniblocks without a value have a width but no bytes.
		for m := 0; m < int(minis) && left > 0; m++ {
			length += int(uint64(data[widths+m]) * perMini / 8)
			left -= int64(perMini)
		}
		if length > len(data) {
			return 0, cut
		}
	}
	return length, nil
}

// zstdPages decompresses within maxPage of memory, in the goroutine of the caller.
var zstdPages = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxPage))
})

// unpack decompresses src, which must give exactly len(dst) bytes.
func unpack(dst, src []byte, codec compress.Compression) error {
	wrong := func() error { return damaged("a page does not decompress to the size it should have") }
	switch codec {
	case compress.Codecs.Uncompressed:
		if copy(dst, src) != len(dst) || len(src) != len(dst) {
			return wrong()
		}
		return nil
	case compress.Codecs.Zstd:
		if len(dst) == 0 && len(src) == 0 {
			return nil
		}
		d, err := zstdPages()
		if err != nil {
			return err
		}
		out, err := d.DecodeAll(src, dst[:0])
		if err != nil {
			return damaged("a page does not decompress: %v", err)
		}
		if len(out) != len(dst) {
			return wrong()
		}
		copy(dst, out) // the same memory, unless the decoder wanted room to spare
		return nil
	case compress.Codecs.Snappy:
		if len(dst) == 0 && len(src) == 0 {
			return nil
		}
		// The block format begins with the length as a varint, for which the library would make room.
		if n, k := binary.Uvarint(src); k <= 0 || n != uint64(len(dst)) {
			return wrong()
		}
		c, err := compress.GetCodec(codec)
		if err != nil {
			return err
		}
		if out := c.Decode(dst, src); len(out) > 0 && &out[0] != &dst[0] {
			copy(dst, out)
		}
		return nil
	case compress.Codecs.Gzip, compress.Codecs.Brotli:
		c, err := compress.GetCodec(codec)
		if err != nil {
			return err
		}
		r := c.NewReader(bytes.NewReader(src))
		defer r.Close()
		if _, err := io.ReadFull(r, dst); err != nil {
			return wrong()
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF { // to the checksum at the end, too
			return wrong()
		}
		return nil
	}
	return wrong()
}

// readableCodec tells the codecs that unpack knows.
func readableCodec(codec compress.Compression) bool {
	switch codec {
	case compress.Codecs.Uncompressed, compress.Codecs.Zstd, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli:
		return true
	}
	return false
}

// walkThrift reads over one struct in Thrift's compact protocol and gives its length. It fails where a list claims
// more entries than there are bytes left, which is what a parser would make room by. visit, if not nil, is given
// every number, and the length of every list, with the path of field ids to it; it is not given what is in lists.
func walkThrift(b []byte, visit func(path []int16, v int64)) (int, error) {
	w := thriftWalker{b: b, visit: visit}
	w.structure(0, visit != nil)
	return w.at, w.err
}

type thriftWalker struct {
	b     []byte
	at    int
	path  []int16
	visit func([]int16, int64)
	err   error
}

// Types of the compact protocol.
const (
	thriftTrue, thriftFalse, thriftByte  = 1, 2, 3
	thriftI16, thriftI32, thriftI64      = 4, 5, 6
	thriftDouble, thriftBinary           = 7, 8
	thriftList, thriftSet, thriftMap     = 9, 10, 11
	thriftStruct                         = 12
	maxThriftDepth                       = 32
	thriftCutOff, thriftTooMany          = "is cut off", "has a list longer than itself"
	thriftUnknown, thriftDeep, thriftBig = "has a type that is not known", "is nested too deeply", "has a number too long"
)

func (w *thriftWalker) fail(why string) {
	if w.err == nil {
		w.err = errors.New(why)
	}
}

func (w *thriftWalker) byte() byte {
	if w.at >= len(w.b) {
		w.fail(thriftCutOff)
		return 0
	}
	w.at++
	return w.b[w.at-1]
}

func (w *thriftWalker) varint() uint64 {
	v, n := binary.Uvarint(w.b[min(w.at, len(w.b)):])
	switch {
	case n == 0:
		w.fail(thriftCutOff)
	case n < 0:
		w.fail(thriftBig)
	default:
		w.at += n
	}
	return v
}

func (w *thriftWalker) skip(n uint64) {
	if n > uint64(len(w.b)-w.at) {
		w.fail(thriftCutOff)
		return
	}
	w.at += int(n)
}

func (w *thriftWalker) structure(depth int, visiting bool) {
	if depth > maxThriftDepth {
		w.fail(thriftDeep)
	}
	id := int16(0)
	for w.err == nil {
		head := w.byte()
		if head == 0 {
			return
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			v := w.varint()
			id = int16(v>>1) ^ -int16(v&1)
		}
		if visiting {
			w.path = append(w.path, id)
		}
		switch kind := head & 15; kind {
		case thriftTrue, thriftFalse:
			w.number(visiting, int64(2-kind))
		default:
			w.value(kind, depth, visiting)
		}
		if visiting {
			w.path = w.path[:len(w.path)-1]
		}
	}
}

func (w *thriftWalker) number(visiting bool, v int64) {
	if visiting && w.err == nil {
		w.visit(w.path, v)
	}
}

func (w *thriftWalker) value(kind byte, depth int, visiting bool) {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		w.number(visiting, int64(int8(w.byte())))
	case thriftI16, thriftI32, thriftI64:
		v := w.varint()
		w.number(visiting, int64(v>>1)^-int64(v&1))
	case thriftDouble:
		w.skip(8)
	case thriftBinary:
		w.skip(w.varint())
	case thriftList, thriftSet:
		head := w.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = w.varint()
		}
		w.number(visiting, int64(n))
		w.entries(n, depth, head&15)
	case thriftMap:
		if n := w.varint(); n > 0 {
			kinds := w.byte()
			w.entries(n, depth, kinds>>4, kinds&15)
		}
	case thriftStruct:
		w.structure(depth+1, visiting)
	default:
		w.fail(thriftUnknown)
	}
}

// entries reads over n entries, each of the given kinds in turn. Every entry takes a byte at least.
func (w *thriftWalker) entries(n uint64, depth int, kinds ...byte) {
	if n > uint64(len(w.b)-w.at) {
		w.fail(thriftTooMany)
		return
	}
	if depth > maxThriftDepth {
		w.fail(thriftDeep)
	}
	for ; n > 0 && w.err == nil; n-- {
		for _, kind := range kinds {
			w.value(kind, depth+1, false)
		}
	}
}
