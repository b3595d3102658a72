package formats

// How the bytes of an extract reach its reader, so that the digest in a receipt names the bytes that were used.
//
// A CSV or Arrow file is read once from front to back, and hashed on the way. A Parquet file cannot be: its footer
// comes first and its columns are read side by side. Hashing it in a pass of its own would leave a gap in which
// another program could change it. So that pass also keeps a short hash of every block, and each block that is read
// later is held against it: either it is what was digested, or the reading stops.

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"os"
	"sync/atomic"
)

// inputFile is an open regular file, read from front to back by Read.
type inputFile struct {
	path string
	file *os.File
	size int64 // when it was opened
	sum  hash.Hash
	done atomic.Int64 // bytes given out by Read
}

func openSource(path string) (*inputFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		what := "is not a regular file; save the data to a file first"
		if info.IsDir() {
			what = "is a folder, not an extract"
		}
		err = fmt.Errorf("%s: %s", path, what)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &inputFile{path: path, file: file, size: info.Size(), sum: sha256.New()}, nil
}

// Read reads on, and hashes what it read.
func (s *inputFile) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	s.sum.Write(p[:n])
	s.done.Add(int64(n))
	if err != nil && err != io.EOF {
		err = readError(err)
	}
	return n, err
}

// digest is the SHA-256 of the file once it has been read to its end: it reads whatever is left.
func (s *inputFile) digest() ([32]byte, error) {
	if _, err := io.Copy(io.Discard, bufio.NewReaderSize(s, 1<<16)); err != nil {
		return [32]byte{}, err
	}
	if read := s.done.Load(); read != s.size {
		return [32]byte{}, errChanged
	}
	return [32]byte(s.sum.Sum(nil)), nil
}

func (s *inputFile) close() error { return s.file.Close() }

var (
	errChanged    = errors.New("the file changed while it was being read; run again when nothing else writes to it")
	errUnreadable = errors.New("cannot be read")
)

// readError strips the path that os puts into its errors: callers here add it once.
func readError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}

// digested is a file of known digest, open to reading at any place. It is an io.ReaderAt and io.Seeker, as
// parquet/file wants it. One goroutine may use it.
type digested struct {
	file   *os.File
	size   int64
	sum    [32]byte
	seed   maphash.Seed
	blocks []uint64 // hash of each digestBlock bytes: 8 bytes of memory for each 64 KiB of file
	at     int64    // for Seek and Read

	held  int64 // index of the block in buffer, or -1
	block []byte
}

const digestBlock = 1 << 16

// digestAll reads the whole of s, which must be at its beginning.
func digestAll(s *inputFile) (*digested, error) {
	d := &digested{file: s.file, size: s.size, seed: maphash.MakeSeed(), held: -1, block: make([]byte, digestBlock)}
	d.blocks = make([]uint64, 0, (s.size+digestBlock-1)/digestBlock)
	for read := int64(0); read < s.size; {
		n, err := io.ReadFull(s, d.block)
		if err == io.ErrUnexpectedEOF {
			err = nil
		} else if err == io.EOF {
			return nil, errChanged
		}
		if err != nil {
			return nil, err
		}
		d.blocks = append(d.blocks, maphash.Bytes(d.seed, d.block[:n]))
		read += int64(n)
	}
	var err error
	d.sum, err = s.digest()
	return d, err
}

// ReadAt reads len(p) bytes at off, each of them verified.
func (d *digested) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= d.size {
			return n, io.EOF
		}
		if err := d.load(at / digestBlock); err != nil {
			return n, err
		}
		n += copy(p[n:], d.block[at%digestBlock:])
	}
	return n, nil
}

func (d *digested) load(i int64) error {
	if d.held == i {
		return nil
	}
	d.held = -1
	from := i * digestBlock
	d.block = d.block[:min(digestBlock, d.size-from)]
	if _, err := d.file.ReadAt(d.block, from); err != nil {
		if err == io.EOF {
			return errChanged
		}
		return readError(err)
	}
	if maphash.Bytes(d.seed, d.block) != d.blocks[i] {
		return errChanged
	}
	d.held = i
	return nil
}

func (d *digested) Read(p []byte) (int, error) {
	n, err := d.ReadAt(p, d.at)
	d.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (d *digested) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += d.at
	case io.SeekEnd:
		offset += d.size
	}
	if offset < 0 {
		return 0, errors.New("negative offset")
	}
	d.at = offset
	return offset, nil
}
