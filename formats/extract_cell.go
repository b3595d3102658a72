package formats

// Typed cells become text here, in one place for Parquet and Arrow, so that the two cannot drift apart. The rule for
// each type is the one under which a CSV export of the same table would most likely have written the cell.

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"
)

// rowText gathers the text of one row's cells. They share one buffer, which becomes one string per row: a row costs
// one allocation however many columns it has.
type rowText struct {
	buf  []byte
	ends []int // where each cell ends in buf
	row  []string
	bad  string // why the row cannot be used, "" as long as it can
}

func (t *rowText) reset() {
	t.buf, t.ends, t.bad = t.buf[:0], t.ends[:0], ""
}

// end closes the cell that has been appended to buf. A byte that is valid on its own follows each cell, so that two
// halves of a character in neighbouring cells are not taken for a whole one.
func (t *rowText) end() {
	t.ends = append(t.ends, len(t.buf))
	t.buf = append(t.buf, ',')
}

// cells checks the row and cuts it up. The slice is good until the next row.
func (t *rowText) cells() ([]string, error) {
	if t.bad == "" {
		t.bad = textFault(t.buf)
	}
	if t.bad != "" {
		return nil, &RowError{Reason: t.bad}
	}
	text := string(t.buf)
	t.row = t.row[:0]
	from := 0
	for _, to := range t.ends {
		t.row = append(t.row, text[from:to])
		from = to + 1
	}
	return t.row, nil
}

// textFault says why the text of a row cannot be used, or "".
func textFault(row []byte) string {
	switch {
	case len(row) > maxRow:
		return "is longer than 1 MiB"
	case bytes.IndexByte(row, 0) >= 0:
		return "contains a NUL byte"
	case !utf8.Valid(row):
		return "contains bytes that are not UTF-8 text"
	}
	return ""
}

var (
	errDateRange    = errors.New("contains a date or time outside the years 0 to 9999")
	errDecimalWidth = errors.New("contains a decimal number that cannot be written out")
)

// Seconds from 1970 to the beginning of year 0 and to the end of year 9999, in UTC.
var (
	minSecond = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	maxSecond = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

// appendDate writes a day, counted from 1970-01-01, as YYYY-MM-DD.
func appendDate(dst []byte, day int64) ([]byte, error) {
	const daySeconds = 24 * 60 * 60
	if day < minSecond/daySeconds || day > maxSecond/daySeconds {
		return dst, errDateRange
	}
	return time.Unix(day*daySeconds, 0).UTC().AppendFormat(dst, time.DateOnly), nil
}

// appendTimestamp writes v units after 1970-01-01 00:00:00, with perSecond units to the second: as the date alone at
// midnight, else as YYYY-MM-DD hh:mm:ss with as many digits of a fraction as there are. A database that knows only
// timestamps exports a date of birth as midnight, and CSV exports of it drop the time.
func appendTimestamp(dst []byte, v, perSecond int64) ([]byte, error) {
	second, rest := v/perSecond, v%perSecond
	if rest < 0 {
		second, rest = second-1, rest+perSecond
	}
	return appendInstant(dst, second, rest*(1e9/perSecond))
}

// appendInstant is appendTimestamp for seconds, and nanoseconds from 0 to 999,999,999, after 1970-01-01 00:00:00.
func appendInstant(dst []byte, second, nano int64) ([]byte, error) {
	if second < minSecond || second > maxSecond {
		return dst, errDateRange
	}
	t := time.Unix(second, nano).UTC()
	if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0 {
		return t.AppendFormat(dst, time.DateOnly), nil
	}
	return t.AppendFormat(dst, "2006-01-02 15:04:05.999999999"), nil
}

// appendTimeOfDay writes v units after midnight as hh:mm:ss, with a fraction where there is one.
func appendTimeOfDay(dst []byte, v, perSecond int64) ([]byte, error) {
	if v < 0 || v >= 24*60*60*perSecond {
		return dst, errDateRange
	}
	return time.Unix(v/perSecond, v%perSecond*(1e9/perSecond)).UTC().AppendFormat(dst, "15:04:05.999999999"), nil
}

// appendFloat writes the shortest digits that give v back, without an exponent up to 21 digits before the point: a
// number column with gaps is a float column to many programs, and 9434765919 must not become 9.434765919e+09.
// NaN is how such programs write a gap, so it is no text.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch size := math.Abs(v); {
	case v != v:
		return dst
	case v == 0: // and not "-0"
		return append(dst, '0')
	case size < 1e-6 || size >= 1e21:
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	default:
		return strconv.AppendFloat(dst, v, 'f', -1, bits)
	}
}

// appendDecimal writes unscaled × 10^-scale. A fraction of nothing but zeros is left out: exports from databases
// that know only one kind of number turn the integer 7 into 7.0000000000.
func appendDecimal(dst []byte, unscaled *big.Int, scale int) ([]byte, error) {
	// 76 digits is the widest decimal of either format (Arrow decimal256).
	if scale < -76 || scale > 76 || unscaled.BitLen() > 256 {
		return dst, errDecimalWidth
	}
	digits := new(big.Int).Abs(unscaled).Append(nil, 10)
	if unscaled.Sign() < 0 {
		dst = append(dst, '-')
	}
	if scale <= 0 {
		dst = append(dst, digits...)
		if unscaled.Sign() != 0 {
			dst = append(dst, bytes.Repeat([]byte{'0'}, -scale)...)
		}
		return dst, nil
	}
	if short := scale + 1 - len(digits); short > 0 {
		digits = append(bytes.Repeat([]byte{'0'}, short), digits...)
	}
	whole, fraction := digits[:len(digits)-scale], digits[len(digits)-scale:]
	dst = append(dst, whole...)
	if len(bytes.Trim(fraction, "0")) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, nil
}

// appendUUID writes 16 bytes as 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4).
func appendUUID(dst, id []byte) ([]byte, error) {
	if len(id) != 16 {
		return dst, errors.New("contains a UUID that is not 16 bytes long")
	}
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst, nil
}

func appendInt(dst []byte, v int64) ([]byte, error) { return strconv.AppendInt(dst, v, 10), nil }

func appendUint(dst []byte, v uint64) ([]byte, error) { return strconv.AppendUint(dst, v, 10), nil }

func appendBool(dst []byte, v bool) ([]byte, error) { return strconv.AppendBool(dst, v), nil }
