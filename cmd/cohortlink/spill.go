package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"os"
	"sync"
)

// What hash has made of rows is kept until all record IDs are drawn, because the filters
// file is in their order. What does not fit into the memory that may be used goes to a file
// beside the output, encrypted under a key that is drawn for the run and is nowhere but in
// memory: filters never touch the disk readable, and what a power cut leaves there is noise.

// defaultMemory is how many bytes of filters are kept in memory: those of a quarter of a
// million records under the longer profile, on a practice's laptop. A borough's go to disk.
const defaultMemory = 128 << 20

// spill keeps the filters of batches beyond a limit on disk. keep may be called by many at
// the same time, and before row.
type spill struct {
	dir   string
	limit int64 // bytes of filters kept in memory

	mu    sync.Mutex
	held  int64
	file  *os.File // nil until it is needed
	left  bool     // the file has a name yet, and is removed in the end
	end   int64
	seals cipher.AEAD
	err   error // the first
	read  []byte
}

// keep takes the filters of a batch out of memory if there are too many. An error is
// remembered for close, and filters that could not be spilled stay.
func (s *spill) keep(b *batch, words int) {
	size := 8 * int64(len(b.bits))
	s.mu.Lock()
	if s.err != nil || s.held+size <= s.limit || len(b.bits) == 0 {
		s.held += size
		s.mu.Unlock()
		return
	}
	if s.file == nil {
		s.err = s.open()
	}
	at := s.end
	s.end += int64(len(b.rows)) * s.rowBytes(words)
	failed := s.err != nil
	s.mu.Unlock()
	if failed {
		return
	}
	sealed, plain := make([]byte, 0, int64(len(b.rows))*s.rowBytes(words)), make([]byte, 0, 8*words)
	for i := range b.rows {
		plain = plain[:0]
		for _, w := range b.bits[i*words:][:words] {
			plain = binary.LittleEndian.AppendUint64(plain, w)
		}
		sealed = s.seals.Seal(sealed, nonce(at+int64(len(sealed))), plain, nil)
	}
	if _, err := s.file.WriteAt(sealed, at); err != nil {
		s.mu.Lock()
		s.err = errorf("keep filters on disk in %s: %w\nfree some space there, write elsewhere with -o, or allow more memory with --memory", s.dir, because(err))
		s.mu.Unlock()
		return
	}
	b.bits, b.spilled = nil, at
}

func (s *spill) rowBytes(words int) int64 { return 8*int64(words) + 16 } // AES-GCM's tag

// nonce is the place of a row in the file, and so never used twice under a key.
func nonce(at int64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), uint64(at)) }

func (s *spill) open() error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return errorf("draw a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	if s.seals, err = cipher.NewGCM(block); err != nil {
		return err
	}
	if s.file, err = os.CreateTemp(s.dir, ".cohortlink-*.tmp"); err != nil {
		return errorf("keep filters on disk in %s: %w", s.dir, because(err))
	}
	// Where a file may go while it is open, nothing is left behind however the run ends.
	s.left = os.Remove(s.file.Name()) != nil
	return nil
}

// row returns the filters of a row of a batch, in dst where they have to be read.
func (s *spill) row(b *batch, i int, dst []uint64) ([]uint64, error) {
	if b.bits != nil {
		return b.bits[i*len(dst):][:len(dst)], nil
	}
	at := b.spilled + int64(i)*s.rowBytes(len(dst))
	if s.read == nil {
		s.read = make([]byte, s.rowBytes(len(dst)))
	}
	if _, err := s.file.ReadAt(s.read, at); err != nil {
		return nil, errorf("read back filters kept on disk in %s: %w", s.dir, because(err))
	}
	plain, err := s.seals.Open(s.read[:0], nonce(at), s.read, nil)
	if err != nil {
		return nil, errorf("filters kept on disk in %s came back changed: is the disk damaged?", s.dir)
	}
	for w := range dst {
		dst[w] = binary.LittleEndian.Uint64(plain[8*w:])
	}
	return dst, nil
}

// failed returns the first error of keep.
func (s *spill) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close leaves nothing on the disk.
func (s *spill) close() {
	if s.file == nil {
		return
	}
	s.file.Close()
	if s.left {
		os.Remove(s.file.Name())
	}
}
