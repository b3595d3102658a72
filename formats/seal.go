package formats

// The seal around what leaves a party, and around what goes back.
//
// A sealed file has the head of a clear one, its version line and its header, and then an age file (C2SP age v1). Within the age file is
// what a clear file has after its header, with a signature at the end:
//
//	cohortlink filters 1                            clear
//	{…,"seal":"age","bytes":…,"recipient":…,"signer":…}   clear
//	age file of
//	    manifest, rows                              or the links
//	    SHA-256 of everything above, clear and not  32 bytes
//	    length of the signature, 64                 4 bytes
//	    Ed25519 signature of that SHA-256           64 bytes
//
// What each part is there for: age keeps the content from all but the recipient, and whole. The digest ties the clear header to it: a
// header on another's content does not fit. The signature says who put the two together, and since the header names the recipient, a
// recipient who seals what it got for somebody else cannot pass it off as sent to them. The length within the seal stands in the header so
// that a file that was cut short, or that something was added to, is known as that rather than as tampered with; whoever has the
// file sees its size anyway.
//
// The signature stands at the end because the writer streams: filters that fit into no memory go through the seal once, and no byte of
// them is on the disk unsealed. So the reader takes in the whole file, no more than its size, before it hands out any of it.

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"filippo.io/age"
)

const (
	sealNone = "none"
	sealAge  = "age"

	// Of the age file. A header with one hybrid stanza has 1,680 bytes; other implementations may add a stanza of grease.
	maxAgeHeader = 16 << 10
	ageNonce     = 16
	ageChunk     = 64 << 10
	ageTag       = 16

	clearEnd  = sha256.Size + 4                  // what follows the content of a file that is not sealed: digest, 0
	sealedEnd = clearEnd + ed25519.SignatureSize // of one that is
)

// ErrSealed is in the error for a sealed file that was to be read without an identity.
var ErrSealed = errors.New("sealed")

// Opening is what it takes to open a sealed file.
type Opening struct {
	Identity *Identity
	// Trust says whether a file with this header may be signed by this key. It is asked before anything is opened, so that it sees a header
	// that nobody has checked yet; the signature is checked before any content is handed out. Nil trusts every key: whose the signer
	// is then remains for the caller to find out.
	Trust func(h FiltersHeader, signer SigningKey) error
}

// sealWriter writes a file of ours, sealed or clear. What is written to it goes into the seal, and into the digest.
type sealWriter struct {
	kind   string
	w      io.Writer
	digest hash.Hash
	seal   io.WriteCloser // nil when the file is clear
	by     *Identity
}

// newSealWriter writes the head. With to it begins a seal, in which bytes of content are going to be written; h then gets what belongs to it.
func newSealWriter(w io.Writer, kind string, h FiltersHeader, bytes int64, to *Recipient, by *Identity) (*sealWriter, error) {
	s := &sealWriter{kind: kind, w: w, digest: sha256.New(), by: by}
	h.Seal, h.Bytes, h.Recipient, h.Signer = sealNone, 0, "", ""
	if to != nil {
		h.Seal, h.Bytes, h.Recipient, h.Signer = sealAge, bytes+sealedEnd, to.fingerprint(), hex.EncodeToString(by.public.Signs[:])
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	if err := s.write(append(append(magic(kind), '\n'), append(canonicalJSON(h), '\n')...)); err != nil || to == nil {
		return s, err
	}
	seal, err := age.Encrypt(w, to.age)
	if err != nil {
		return nil, err
	}
	s.w, s.seal = seal, seal
	return s, nil
}

// magic is the version line of a kind of file, without its line feed.
func magic(kind string) []byte { return []byte("cohortlink " + kind + " " + filtersVersion) }

func (s *sealWriter) write(p []byte) error {
	s.digest.Write(p)
	_, err := s.w.Write(p)
	return err
}

// end writes what stands after the content, and returns the digest.
func (s *sealWriter) end() (digest [32]byte, err error) {
	s.digest.Sum(digest[:0])
	var signature []byte
	if s.seal != nil {
		signature = s.by.sign(s.kind, digest[:])
	}
	tail := binary.LittleEndian.AppendUint32(digest[:len(digest):len(digest)], uint32(len(signature)))
	if _, err = s.w.Write(append(tail, signature...)); err == nil && s.seal != nil {
		err = s.seal.Close()
	}
	return digest, err
}

// open goes through the seal: from here on fr reads what is inside, h.Bytes in all. size is that of the whole file.
func (fr *filtersReader) open(h FiltersHeader, size int64, o *Opening) error {
	own := o.Identity.public.Recipient.fingerprint()
	if h.Recipient != own {
		return fr.errorf("it is not sealed for this identity but for another one; open it with the identity it was made for, or ask %s to seal it for you", fr.from)
	}
	var signer SigningKey
	if _, err := hex.Decode(signer[:], []byte(h.Signer)); err != nil {
		return fr.errorf("%w", errDamagedHead)
	}
	if o.Trust != nil {
		if err := o.Trust(h, signer); err != nil {
			return fr.errorf("%w", err)
		}
	}
	if err := fr.wholeSeal(h, size); err != nil {
		return err
	}
	_, identity := o.Identity.secret()
	inside, err := age.Decrypt(fr.r, identity)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return fr.errorf("its header says that it is sealed for this identity, and its seal is for somebody else: it was sealed again, put together from two files, or damaged; ask %s for it again", fr.from)
	case err != nil:
		return fr.errorf("%w", fr.sealError(err))
	}
	fr.r, fr.consumed, fr.signer, fr.sealed = bufio.NewReaderSize(&sealReader{inside, fr}, 1<<16), 0, signer, true
	return nil
}

// wholeSeal refuses a file that has fewer or more bytes than its header and its seal announce. size is that of the whole file, of which fr
// has read the head.
func (fr *filtersReader) wholeSeal(h FiltersHeader, size int64) error {
	start, err := fr.r.Peek(maxAgeHeader)
	if err != nil && err != io.EOF {
		return fr.errorf("%w", bare(err))
	}
	header, ok := ageHeader(start)
	if !ok {
		return fr.errorf("the beginning of its seal is damaged or cut short; ask %s for it again", fr.from)
	}
	// C2SP age.md, "Payload": a nonce, and chunks of 64 KiB with a tag each; the last may be shorter.
	want := fr.consumed + header + ageNonce + h.Bytes + (h.Bytes+ageChunk-1)/ageChunk*ageTag
	switch {
	case size < want:
		return fr.errorf("it was cut short: %d of its %d bytes are there; ask %s for it again", size, want, fr.from)
	case size > want:
		return fr.errorf("something follows after its end: it has %d bytes and should have %d; ask %s for it again", size, want, fr.from)
	}
	return nil
}

// CheckSealedFilters looks whether a sealed filters file has all its bytes, which needs no identity. What they are it cannot tell.
func CheckSealedFilters(path string) error { return checkSealed(path, kindFilters, "") }

// CheckSealedLinks is CheckSealedFilters for sealed links.
func CheckSealedLinks(path string) error { return checkSealed(path, kindLinks, "the unit") }

// from is whom to ask for the file again, "" for the party that its header names.
func checkSealed(path, kind, from string) error {
	f, size, err := openRegular(path, fmt.Errorf("not a file of sealed %s", kind))
	if err != nil {
		return err
	}
	defer f.Close()
	fr := newFiltersReader(path, kind, f)
	h, err := fr.header()
	if err != nil {
		return err
	}
	if h.Seal != sealAge {
		return fr.errorf("it is not sealed")
	}
	if fr.from = from; from == "" {
		fr.from = h.Party
	}
	return fr.wholeSeal(h, size)
}

// ageHeader returns the length of the header that an age file begins with: everything to the end of the line with its MAC.
func ageHeader(start []byte) (int64, bool) {
	if !bytes.HasPrefix(start, []byte("age-encryption.org/v1\n")) {
		return 0, false
	}
	mac := bytes.Index(start, []byte("\n--- "))
	if mac < 0 {
		return 0, false
	}
	end := bytes.IndexByte(start[mac+1:], '\n')
	return int64(mac + 1 + end + 1), end >= 0
}

// sealReader reads what is inside a seal. age's errors become ours.
type sealReader struct {
	r  io.Reader
	fr *filtersReader
}

func (s *sealReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = s.fr.sealError(err)
	}
	return n, err
}

// sealError tells a disk that cannot be read from a seal that does not hold.
func (fr *filtersReader) sealError(err error) error {
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return disk.Err
	}
	return fmt.Errorf("its seal does not hold: it was changed after it was sealed; ask %s for it again", fr.from)
}

// end reads what stands after the content, and returns the digest once it and the signature are right. Nothing may follow.
func (fr *filtersReader) end() (digest [32]byte, err error) {
	fr.digest.Sum(digest[:0])
	var tail [clearEnd]byte
	if _, err := io.ReadFull(fr.r, tail[:]); err != nil {
		return digest, fr.readError(err)
	}
	switch same := bytes.Equal(digest[:], tail[:sha256.Size]); {
	case !same && fr.sealed:
		return digest, fr.errorf("its header is not the one that its content was sealed with: it was changed, or put on the content of another file; ask %s for it again", fr.from)
	case !same:
		return digest, fr.errorf("its digest does not fit: it was changed or damaged after it was written; ask %s for it again", fr.from)
	}
	length := binary.LittleEndian.Uint32(tail[sha256.Size:])
	switch {
	case !fr.sealed && length != 0:
		return digest, fr.errorf("it is not sealed and yet signed, which the format does not have; ask %s for it again", fr.from)
	case fr.sealed && length != ed25519.SignatureSize:
		return digest, fr.errorf("it is sealed and not signed: nobody knows who sent it; ask %s for it again", fr.from)
	case fr.sealed:
		var signature [ed25519.SignatureSize]byte
		if _, err := io.ReadFull(fr.r, signature[:]); err != nil {
			return digest, fr.readError(err)
		}
		if !fr.signer.verify(fr.kind, digest[:], signature[:]) {
			return digest, fr.errorf("its signature is not by the key it names: it does not come from %s", fr.from)
		}
	}
	switch _, err := fr.r.ReadByte(); err {
	case io.EOF:
		return digest, nil
	case nil:
		return digest, fr.errorf("something follows after its end; ask %s for it again", fr.from)
	default:
		return digest, fr.errorf("%w", bare(err))
	}
}
