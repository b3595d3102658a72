package formats

// Text encodings of CSV files. UTF-8 and the single-byte code pages keep ASCII as it is, so records are cut from the
// file's own bytes and only then decoded. UTF-16 does not, so it is turned into UTF-8 on the way in. Half of a
// surrogate pair, which UTF-8 has no form for, becomes the three bytes its number would give (the WTF-8 encoding):
// that makes the row it stands in not UTF-8 and thus set aside, and lets it be written back as it was.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// codePages by the name that a project file gives them. They are those that British and Irish exports are found in,
// and those of the countries whose names suffer first when another is guessed.
var codePages = map[string]*charmap.Charmap{
	"windows-1252": charmap.Windows1252, "iso-8859-1": charmap.ISO8859_1, "iso-8859-15": charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250, "iso-8859-2": charmap.ISO8859_2, "iso-8859-14": charmap.ISO8859_14,
	"ibm850": charmap.CodePage850, "ibm437": charmap.CodePage437, "macintosh": charmap.Macintosh,
}

var textAliases = map[string]string{
	"": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8", "ascii": "utf-8", "us-ascii": "utf-8",
	"utf16": "utf-16", "unicode": "utf-16",
	"cp1252": "windows-1252", "windows1252": "windows-1252", "ansi": "windows-1252",
	"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "iso8859-1": "iso-8859-1", "latin-9": "iso-8859-15",
	"cp1250": "windows-1250", "cp850": "ibm850", "cp437": "ibm437", "mac-roman": "macintosh",
}

// TextEncodings are the names that ExtractOptions.Encoding takes, besides some aliases.
func TextEncodings() []string {
	names := []string{"utf-8", "utf-16", "utf-16le", "utf-16be"}
	for name := range codePages {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// textEncoding is how the bytes of a CSV file become text.
type textEncoding struct {
	name  string
	table *[256]rune       // a code page: the character of each byte, utf8.RuneError for none
	wide  binary.ByteOrder // UTF-16
}

const (
	markUTF8    = "\xef\xbb\xbf"
	markUTF16LE = "\xff\xfe"
	markUTF16BE = "\xfe\xff"
)

// decodeText takes a byte order mark off the beginning of r and settles the encoding by it and by what is declared.
// What remains to be read is UTF-8, or in a code page of which textEncoding has the table.
func decodeText(r io.Reader, declared string) (io.Reader, textEncoding, []byte, error) {
	name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(declared)), "_", "-")
	if full, ok := textAliases[name]; ok {
		name = full
	}
	head := make([]byte, 3)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, textEncoding{}, nil, err
	}
	head = head[:n]
	marked, mark := "", ""
	for _, m := range []struct{ mark, name string }{{markUTF8, "utf-8"}, {markUTF16LE, "utf-16le"}, {markUTF16BE, "utf-16be"}} {
		if strings.HasPrefix(string(head), m.mark) {
			marked, mark = m.name, m.mark
			break
		}
	}
	rest := io.MultiReader(bytes.NewReader(head[len(mark):]), r)
	if marked != "" {
		if declared != "" && name != marked && !(name == "utf-16" && strings.HasPrefix(marked, name)) {
			return nil, textEncoding{}, nil, fmt.Errorf("is declared as %q, but begins with the byte order mark of %s; correct the declaration", declared, marked)
		}
		name = marked
	}
	e := textEncoding{name: name}
	switch name {
	case "utf-8":
		return rest, e, []byte(mark), nil
	case "utf-16": // without a mark: little-endian, as every Windows program writes it (against RFC 2781, section 4.3)
		e.name, e.wide = "utf-16le", binary.LittleEndian
	case "utf-16le":
		e.wide = binary.LittleEndian
	case "utf-16be":
		e.wide = binary.BigEndian
	default:
		page, known := codePages[name]
		if !known {
			return nil, e, nil, fmt.Errorf("text encoding %q is not known; use one of %s", declared, strings.Join(TextEncodings(), ", "))
		}
		e.table = new([256]rune)
		for b := range e.table {
			e.table[b] = page.DecodeByte(byte(b))
			// ISO 8859 leaves 0x80 to 0x9F to control codes, which no cell has: where they occur the file is
			// really in the Windows code page, and to go on would be to drop apostrophes in silence.
			if b >= 0x80 && e.table[b] < 0xA0 {
				e.table[b] = utf8.RuneError
			}
		}
		return rest, e, nil, nil
	}
	return &utf16Reader{r: rest, order: e.wide}, e, []byte(mark), nil
}

// decode appends raw, in a code page, to dst as UTF-8.
func (e textEncoding) decode(dst, raw []byte) (_ []byte, fault string) {
	for _, b := range raw {
		if b < utf8.RuneSelf {
			dst = append(dst, b)
			continue
		}
		r := e.table[b]
		if r == utf8.RuneError {
			return dst, "contains bytes that are no character in " + e.name
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, ""
}

// advice is what to do about a header that cannot be read.
func (e textEncoding) advice(header csvRecord) string {
	switch {
	case e.wide != nil:
		return ""
	case bytes.IndexByte(header.raw, 0) >= 0:
		return "; if the file is UTF-16 text declare that as its encoding, else it is not an extract"
	case e.name == "utf-8" && !utf8.Valid(header.raw):
		return "; declare the file's text encoding (from Excel on Windows it is windows-1252), or save it as CSV UTF-8"
	}
	return ""
}

// utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	r     io.Reader
	order binary.ByteOrder
	in    [1 << 14]byte
	held  int    // bytes of in not turned yet: half a unit, or a unit that may begin a pair
	out   []byte // turned and not given out yet
	buf   []byte
	err   error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		n, err := u.r.Read(u.in[u.held:])
		u.held += n
		u.err = err
		u.turn(err != nil)
		if err == io.EOF && u.held > 0 {
			u.err = errors.New("is cut off in the middle of a UTF-16 character; export it again")
		}
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) turn(last bool) {
	u.buf = u.buf[:0]
	i := 0
	for i+2 <= u.held {
		r := rune(u.order.Uint16(u.in[i:]))
		if !utf16.IsSurrogate(r) {
			u.buf = utf8.AppendRune(u.buf, r)
			i += 2
			continue
		}
		if i+4 > u.held && !last {
			break
		}
		if i+4 <= u.held {
			if pair := utf16.DecodeRune(r, rune(u.order.Uint16(u.in[i+2:]))); pair != utf8.RuneError {
				u.buf = utf8.AppendRune(u.buf, pair)
				i += 4
				continue
			}
		}
		u.buf = append(u.buf, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
		i += 2
	}
	u.held = copy(u.in[:], u.in[i:u.held])
	u.out = u.buf
}

// utf16Writer turns back what utf16Reader made. Writes may end anywhere in a character.
type utf16Writer struct {
	w     io.Writer
	order binary.AppendByteOrder
	held  []byte // the beginning of a character
	out   []byte
}

func (u *utf16Writer) Write(p []byte) (int, error) {
	in := append(u.held, p...)
	u.out = u.out[:0]
	for len(in) > 0 {
		r, size := utf8.DecodeRune(in)
		if r == utf8.RuneError && size == 1 {
			// What is not UTF-8 is half a pair in three bytes, or a character of which more is to come.
			if len(in) < 3 || in[0] != 0xED {
				break
			}
			r, size = rune(in[0]&0x0F)<<12|rune(in[1]&0x3F)<<6|rune(in[2]&0x3F), 3
		}
		if r > 0xFFFF {
			high, low := utf16.EncodeRune(r)
			u.out = u.order.AppendUint16(u.order.AppendUint16(u.out, uint16(high)), uint16(low))
		} else {
			u.out = u.order.AppendUint16(u.out, uint16(r))
		}
		in = in[size:]
	}
	u.held = append(u.held[:0], in...)
	if _, err := u.w.Write(u.out); err != nil {
		return 0, err
	}
	return len(p), nil
}
