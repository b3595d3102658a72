// Package formats turns bytes on disk into values and values into bytes: the project file, extracts, filters, maps, receipts, links and pages.
// It does not know how a filter is made or compared: it holds no project key, hashes nobody, counts no common bits, and no import leads from here to hashing.
//
// SPEC.md beside this file describes every format of ours to the byte, with examples that a test parses. Three rules hold for all of them:
//
//   - One value, one encoding. What a reader accepts, the writer turns into the same bytes again; whatever comes after the end is an error.
//   - Errors give the file and the line, row or column, and say what to do. They never show what a cell holds, nor the text of a file
//     that may not be what it was taken for: someone will point --project at a key or at an extract.
//   - Outputs appear whole or not at all (Create, CreateDir).
//
// Nothing here prints, and nothing reads a flag.
package formats

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownPath is the form in which a path stands in a message: as it is, or quoted where it holds what could move a terminal's cursor.
// The names of files come from partners, by mail and by memory stick.
func shownPath(path string) string {
	if path == "" || strings.ContainsFunc(path, func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}

// isPlainText reports whether s is valid UTF-8 of at most max bytes, not empty, with no control character and no space at its ends.
// Such text is written to JSON with no escapes but \" and \\, so that another implementation can write the same bytes.
func isPlainText(s string, max int) bool {
	return s != "" && len(s) <= max && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return !unicode.IsGraphic(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
		})
}
