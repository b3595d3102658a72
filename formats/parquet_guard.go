package formats

// The guard around parquet/file. That library believes what a file says about itself: it makes room for as many row
// groups as the footer announces, for as many bytes as a page header names, for a dictionary entry as far up as an
// index points. In a damaged file these are numbers like two thousand million, and running out of memory cannot be
// recovered from. So everything that the library would size something by is checked here first, against bytes that
// are really there. What is merely wrong may then panic in the library; the callers recover, which works because
// all of it runs in their own goroutine.
//
// Two places are worth the care: the footer is walked once (parquet_thrift.go) before the library parses it, and the
// pages are taken out of the file and decompressed by parquet_pages.go, so that the library only decodes values, of
// which parquet_values.go checks the counts.
//
// The format: github.com/apache/parquet-format (README.md, Encodings.md, src/main/thrift/parquet.thrift) and the
// Thrift compact protocol, github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
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
