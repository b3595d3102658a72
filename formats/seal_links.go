package formats

// PARTY.links: the links of one party on their way back, sealed for it and signed by the unit. Inside is links/PARTY.csv to the byte.
// The header is that of the filters file which the links answer, so that a party cannot take links of another run for those of this one.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	kindFilters = "filters"
	kindLinks   = "links"
)

// ErrNotLinks is in the error for a file that does not begin as sealed links do; it may be links that are not sealed.
var ErrNotLinks = errors.New("not a file of sealed links")

// SealLinks writes the links of a party, sealed for to and signed by. answers is the header of the filters file that they answer.
func SealLinks(w io.Writer, answers FiltersHeader, l *Links, to *Recipient, by *Identity) error {
	var content bytes.Buffer
	if err := WriteLinks(&content, l); err != nil {
		return err
	}
	s, err := newSealWriter(w, kindLinks, answers, int64(content.Len()), to, by)
	if err != nil {
		return fmt.Errorf("sealing links: %w", err)
	}
	if err := s.write(content.Bytes()); err != nil {
		return err
	}
	_, err = s.end()
	return err
}

// OpenLinks reads and checks sealed links. The header returned is that of the filters file that they answer, but for the seal.
func OpenLinks(path string, o *Opening) (FiltersHeader, *Links, error) {
	f, size, err := openRegular(path, ErrNotLinks)
	if err != nil {
		return FiltersHeader{}, nil, err
	}
	defer f.Close()
	return ParseSealedLinks(path, f, size, o)
}

// ParseSealedLinks is OpenLinks for bytes from anywhere; name stands in errors, size is the number of bytes that r holds.
func ParseSealedLinks(name string, r io.Reader, size int64, o *Opening) (h FiltersHeader, l *Links, err error) {
	fr := newFiltersReader(name, kindLinks, r)
	if h, err = fr.header(); err != nil {
		return h, nil, err
	}
	fr.from = "the unit"
	if h.Seal != sealAge {
		return h, nil, fr.errorf("%w", errDamagedHead)
	}
	if err := fr.open(h, size, o); err != nil {
		return h, nil, err
	}
	content := make([]byte, h.Bytes-sealedEnd) // open has held h.Bytes against the size of the file
	if _, err := io.ReadFull(fr.r, content); err != nil {
		return h, nil, fr.readError(err)
	}
	fr.digest.Write(content)
	if _, err := fr.end(); err != nil {
		return h, nil, err
	}
	l, err = ParseLinks(name, bytes.NewReader(content))
	return h, l, err
}

// ReadLinksHeader reads no more than the first two lines of sealed links. Nobody has checked them.
func ReadLinksHeader(path string) (FiltersHeader, error) { return readHeader(path, kindLinks) }

func readHeader(path, kind string) (FiltersHeader, error) {
	f, err := os.Open(path)
	if err != nil {
		return FiltersHeader{}, openError(path, err)
	}
	defer f.Close()
	return newFiltersReader(path, kind, f).header()
}

// openRegular opens a file to be read as a whole. not is in the error for a folder or a device.
func openRegular(path string, not error) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, openError(path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, 0, openError(path, err)
	case !info.Mode().IsRegular():
		f.Close()
		return nil, 0, fmt.Errorf("%s is a folder or a device: %w", shownPath(path), not)
	}
	return f, info.Size(), nil
}
