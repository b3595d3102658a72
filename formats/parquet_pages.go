package formats

// Pages of a Parquet column chunk: taken out of the file, checked, and decompressed, for the library to decode.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
	"github.com/klauspost/compress/zstd"
)

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
		h.defLevels = 0
		levels, err = levelsLength(data, p.column.MaxDefinitionLevel(), parquet.Encoding(h.defEncoding))
		if err == nil && levels > 0 {
			h.defLevels, levels = levels-4, 4 // behind their length
		}
	case dataPageV2:
		levels = h.repLevels
	}
	if err == nil {
		encoding, err = p.checkData(data[levels:], h, encoding)
	}
	if err != nil {
		return nil, damaged("column %q: %v", p.column.Name(), err)
	}
	p.values -= h.values
	if h.kind == dataPage {
		return file.NewDataPageV1(buf, int32(h.values), encoding, parquet.Encoding(h.defEncoding), parquet.Encoding(h.repEncoding), int32(h.unpacked)), nil
	}
	return file.NewDataPageV2(buf, int32(h.values), int32(h.nulls), int32(h.rows), encoding, int32(h.defLevels), int32(h.repLevels), int32(h.unpacked), h.compressed), nil
}

// checkData checks the definition levels that data begins with and the values behind them.
func (p *parquetPages) checkData(data []byte, h pageHeader, encoding parquet.Encoding) (parquet.Encoding, error) {
	present := h.values
	if p.column.MaxDefinitionLevel() > 0 {
		var err error
		if present, err = countPresent(data[:h.defLevels], h.values); err != nil {
			return encoding, err
		}
	}
	if present == 0 {
		return encoding, nil // and nothing is decoded; writers leave all sorts of things there
	}
	return p.checkValues(data[h.defLevels:], present, encoding)
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
