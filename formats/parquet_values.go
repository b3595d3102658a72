package formats

// Encoded values of a Parquet page: the numbers in them by which the library makes room are checked here, and the
// one encoding that it does not know is turned into one that it does.

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v15/parquet"
)

// levelsLength is how many bytes the definition levels take at the head of a version 1 data page. Columns are not
// nested, so the levels are 0 or 1, and there are no repetition levels.
func levelsLength(data []byte, maxLevel int16, encoding parquet.Encoding) (int64, error) {
	if maxLevel == 0 {
		return 0, nil
	}
	if encoding != parquet.Encodings.RLE {
		return 0, errors.New("definition levels in an encoding that is long out of use")
	}
	if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
		return 0, errors.New("page smaller than its levels")
	}
	return 4 + int64(binary.LittleEndian.Uint32(data)), nil
}

// countPresent counts the values that are not null by definition levels of 0 and 1 (Encodings.md, "Run Length
// Encoding / Bit-Packing Hybrid"). There have to be as many levels as values: where they run out, the library would
// wait for them for ever.
func countPresent(levels []byte, values int64) (present int64, err error) {
	for values > 0 {
		head, n := binary.Uvarint(levels)
		if n <= 0 || n == len(levels) {
			return 0, errors.New("there are fewer definition levels than values")
		}
		levels = levels[n:]
		if head&1 == 0 { // one level, head>>1 times
			run := int64(min(head>>1, uint64(values)))
			if levels[0] > 1 {
				return 0, errors.New("a definition level is neither 0 nor 1")
			}
			present += run * int64(levels[0])
			levels, values = levels[1:], values-run
			continue
		}
		packed := levels[:min(uint64(len(levels)), head>>1)] // 8 levels to a byte
		levels = levels[len(packed):]
		for _, b := range packed {
			if values < 8 {
				b &= 1<<max(values, 0) - 1
			}
			present += int64(bits.OnesCount8(b))
			values -= 8
		}
	}
	return present, nil
}

// byteStreamSplit is the one encoding in use that the library does not know (Encodings.md, "Byte Stream Split"):
// DuckDB writes it. Its number is from parquet.thrift.
const byteStreamSplit = parquet.Encoding(9)

// checkValues checks the numbers at the head of encoded values by which the library makes room, or that decide how
// long it looks for values, and gives the encoding that they are in: those that the library could not decode are
// turned into plain ones.
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
	case parquet.Encodings.RLE: // of booleans
		if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
			return encoding, errors.New("run-length encoding is cut off")
		}
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

// checkDelta checks delta-encoded whole numbers (Encodings.md, "Delta Encoding"), of which there have to be as many
// as values, and gives their length.
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
	if block == 0 || block > 1<<20 || minis == 0 || block%minis != 0 || block/minis%8 != 0 || count != uint64(values) {
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
