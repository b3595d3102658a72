package clkhash

// CSV as clkhash's command line reads it: Python's csv module in its "excel" dialect over
// a text file with universal newlines.
//
// encoding/csv would be the obvious choice. It differs in what a partner's file can hold:
// a quote inside a field, a space before a quote, a blank line (a row without cells here),
// a quote that is never closed, a lone carriage return, a line feed after a carriage
// return inside quotes. Each changes a cell, and so the bits.
// Source: CPython 3.11 Modules/_csv.c.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Header says what the first row of a file is.
type Header int

const (
	HeaderCheck  Header = iota // names, which must be the schema's, in its order
	HeaderIgnore               // names, which are not looked at
	HeaderNone                 // data already
)

const (
	maxField  = 131072   // characters in a cell, csv.field_size_limit()
	maxRecord = 16 << 20 // bytes in a row; clkhash has no limit
)

// Rows reads the rows of a CSV file one after the other, in bounded memory.
type Rows struct {
	r      *bufio.Reader
	number int
	cells  []string
	text   []byte
	ends   []int
	err    error
}

// NewRows begins to read. A header that does not fit the schema is an error here.
func NewRows(r io.Reader, s *Schema, h Header) (*Rows, error) {
	rows := &Rows{r: bufio.NewReaderSize(r, 1<<16)}
	if h == HeaderNone {
		return rows, nil
	}
	names, err := rows.Next()
	rows.number = 0
	switch {
	case err == io.EOF:
		return nil, errors.New("the file is empty; a header was expected")
	case err != nil:
		return nil, err
	case h == HeaderCheck:
		if err := s.CheckHeader(names); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// Number is the number of the row that Next last returned, from 1, without the header.
func (r *Rows) Number() int { return r.number }

// Next returns the next row, io.EOF after the last. Cells are strings of their own; the
// slice holds until the next call. Any other error is the end of the file too: after
// bytes that are no text, there is no telling where a row begins.
func (r *Rows) Next() ([]string, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.text, r.ends, r.cells = r.text[:0], r.ends[:0], r.cells[:0]
	if err := r.record(); err != nil {
		if err != io.EOF {
			err = fmt.Errorf("row %d: %w", r.number+1, err)
		}
		r.err = err
		return nil, err
	}
	r.number++
	all, start := string(r.text), 0
	for _, end := range r.ends {
		r.cells = append(r.cells, all[start:end])
		start = end
	}
	return r.cells, nil
}

type csvState int

const (
	atRecord csvState = iota
	atField
	inField
	inQuotes
	afterQuote // within quotes: the end of them, or half of a doubled one
)

// record reads one row into text and ends. It goes by bytes: all that means anything to
// the reader is ASCII, and a cell is checked to be UTF-8 when it is complete.
func (r *Rows) record() error {
	state := atRecord
	start := 0 // of the field
	endField := func() error {
		cell := r.text[start:]
		if !utf8.Valid(cell) {
			return errUTF8
		}
		if len(cell) > maxField && utf8.RuneCount(cell) > maxField {
			return fmt.Errorf("has a cell of more than %d characters; look for a quote that is never closed", maxField)
		}
		start = len(r.text)
		r.ends = append(r.ends, start)
		return nil
	}
	for {
		c, err := r.r.ReadByte()
		if err == io.EOF {
			if state == atRecord {
				return io.EOF
			}
			return endField() // an open quote at the end of the file is closed by it
		}
		if err != nil {
			return err
		}
		if c == '\r' { // every kind of line end is a line feed
			if next, err := r.r.Peek(1); err == nil && next[0] == '\n' {
				r.r.Discard(1)
			}
			c = '\n'
		}
		switch {
		case state == inQuotes:
			if c == '"' {
				state = afterQuote
			} else {
				r.text = append(r.text, c)
			}
		case c == '\n':
			if state == atRecord {
				return nil // a blank line is a row of no cells
			}
			return endField()
		case c == ',':
			if err := endField(); err != nil {
				return err
			}
			state = atField
		case c == '"' && state == afterQuote:
			r.text = append(r.text, c)
			state = inQuotes
		case c == '"' && state != inField:
			state = inQuotes
		default:
			r.text = append(r.text, c)
			state = inField
		}
		if len(r.text)+len(r.ends) > maxRecord {
			return errors.New("is larger than 16 MiB; look for a quote that is never closed")
		}
	}
}
