package clkhash

// BLAKE2b with a key and a salt (RFC 7693; the salt is of the parameter block of the
// BLAKE2 paper, section 2.8, which the RFC leaves at zero).
//
// golang.org/x/crypto/blake2b would be the obvious choice and has no salt. What is needed
// is also less than a hash: every token of a feature is hashed under the same key and one
// of a few salts, so the state after the key's block is computed once and kept, and a
// token of up to 128 bytes costs one compression.

import (
	"encoding/binary"
	"math/bits"
)

const blakeBlock = 128

// RFC 7693 section 2.6.
var blakeIV = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// RFC 7693 section 2.7; rounds 10 and 11 repeat rounds 0 and 1.
var blakeSigma = [12][16]byte{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
}

// A blakeState is BLAKE2b after the key's block, or before any where there is no key.
type blakeState struct {
	h     [8]uint64
	bytes uint64 // compressed so far
}

// newBlake starts a 64-byte digest. The key has at most 64 bytes.
func newBlake(key []byte, salt [16]byte) blakeState {
	s := blakeState{h: blakeIV}
	// Digest length, key length, fanout 1, depth 1; the other parameters are zero.
	s.h[0] ^= 0x01010000 ^ uint64(len(key))<<8 ^ 64
	s.h[4] ^= binary.LittleEndian.Uint64(salt[:8])
	s.h[5] ^= binary.LittleEndian.Uint64(salt[8:])
	if len(key) == 0 {
		return s
	}
	var block [blakeBlock]byte
	copy(block[:], key)
	s.bytes = blakeBlock
	compress(&s.h, &block, s.bytes, false)
	return s
}

// sum is the digest of the message, as eight little-endian words. With a key the message
// must not be empty; tokens are not.
func (s blakeState) sum(message []byte) [8]uint64 {
	for len(message) > blakeBlock {
		s.bytes += blakeBlock
		compress(&s.h, (*[blakeBlock]byte)(message), s.bytes, false)
		message = message[blakeBlock:]
	}
	var block [blakeBlock]byte
	copy(block[:], message)
	compress(&s.h, &block, s.bytes+uint64(len(message)), true)
	return s.h
}

// compress is F of RFC 7693 section 3.2; count is the number of bytes up to and with
// this block, and stays below 2^64.
func compress(h *[8]uint64, block *[blakeBlock]byte, count uint64, last bool) {
	var m [16]uint64
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(block[8*i:])
	}
	v0, v1, v2, v3, v4, v5, v6, v7 := h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
	v8, v9, v10, v11 := blakeIV[0], blakeIV[1], blakeIV[2], blakeIV[3]
	v12, v13, v14, v15 := blakeIV[4]^count, blakeIV[5], blakeIV[6], blakeIV[7]
	if last {
		v14 = ^v14
	}
	for i := range blakeSigma {
		s := &blakeSigma[i]
		// The & 15 tells the compiler that no index is out of range.
		v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[s[0]&15], m[s[1]&15])
		v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[s[2]&15], m[s[3]&15])
		v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[s[4]&15], m[s[5]&15])
		v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[s[6]&15], m[s[7]&15])
		v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[s[8]&15], m[s[9]&15])
		v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[s[10]&15], m[s[11]&15])
		v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[s[12]&15], m[s[13]&15])
		v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[s[14]&15], m[s[15]&15])
	}
	h[0] ^= v0 ^ v8
	h[1] ^= v1 ^ v9
	h[2] ^= v2 ^ v10
	h[3] ^= v3 ^ v11
	h[4] ^= v4 ^ v12
	h[5] ^= v5 ^ v13
	h[6] ^= v6 ^ v14
	h[7] ^= v7 ^ v15
}

// mix is G of RFC 7693 section 3.1.
func mix(a, b, c, d, x, y uint64) (uint64, uint64, uint64, uint64) {
	a += b + x
	d = bits.RotateLeft64(d^a, -32)
	c += d
	b = bits.RotateLeft64(b^c, -24)
	a += b + y
	d = bits.RotateLeft64(d^a, -16)
	c += d
	b = bits.RotateLeft64(b^c, -63)
	return a, b, c, d
}
