package formats

// Thrift's compact protocol, in which Parquet's footer and page headers are written, as far as it takes to find the
// numbers in it and to see that it does not claim to be longer than it is.

import (
	"encoding/binary"
	"errors"
)

// walkThrift reads over one struct in Thrift's compact protocol and gives its length. It fails where a list claims
// more entries than there are bytes left, which is what a parser would make room by. visit, if not nil, is given
// every number, and the length of every list, with the path of field ids to it; it is not given what is in lists.
func walkThrift(b []byte, visit func(path []int16, v int64)) (int, error) {
	w := thriftWalker{b: b, visit: visit}
	w.structure(0, visit != nil)
	return w.at, w.err
}

type thriftWalker struct {
	b     []byte
	at    int
	path  []int16
	visit func([]int16, int64)
	err   error
}

// Types of the compact protocol.
const (
	thriftTrue, thriftFalse, thriftByte  = 1, 2, 3
	thriftI16, thriftI32, thriftI64      = 4, 5, 6
	thriftDouble, thriftBinary           = 7, 8
	thriftList, thriftSet, thriftMap     = 9, 10, 11
	thriftStruct                         = 12
	maxThriftDepth                       = 32
	thriftCutOff, thriftTooMany          = "is cut off", "has a list longer than itself"
	thriftUnknown, thriftDeep, thriftBig = "has a type that is not known", "is nested too deeply", "has a number too long"
)

func (w *thriftWalker) fail(why string) {
	if w.err == nil {
		w.err = errors.New(why)
	}
}

func (w *thriftWalker) byte() byte {
	if w.at >= len(w.b) {
		w.fail(thriftCutOff)
		return 0
	}
	w.at++
	return w.b[w.at-1]
}

func (w *thriftWalker) varint() uint64 {
	v, n := binary.Uvarint(w.b[min(w.at, len(w.b)):])
	switch {
	case n == 0:
		w.fail(thriftCutOff)
	case n < 0:
		w.fail(thriftBig)
	default:
		w.at += n
	}
	return v
}

func (w *thriftWalker) skip(n uint64) {
	if n > uint64(len(w.b)-w.at) {
		w.fail(thriftCutOff)
		return
	}
	w.at += int(n)
}

func (w *thriftWalker) structure(depth int, visiting bool) {
	if depth > maxThriftDepth {
		w.fail(thriftDeep)
	}
	id := int16(0)
	for w.err == nil {
		head := w.byte()
		if head == 0 {
			return
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			v := w.varint()
			id = int16(v>>1) ^ -int16(v&1)
		}
		if visiting {
			w.path = append(w.path, id)
		}
		switch kind := head & 15; kind {
		case thriftTrue, thriftFalse:
			w.number(visiting, int64(2-kind))
		default:
			w.value(kind, depth, visiting)
		}
		if visiting {
			w.path = w.path[:len(w.path)-1]
		}
	}
}

func (w *thriftWalker) number(visiting bool, v int64) {
	if visiting && w.err == nil {
		w.visit(w.path, v)
	}
}

func (w *thriftWalker) value(kind byte, depth int, visiting bool) {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		w.number(visiting, int64(int8(w.byte())))
	case thriftI16, thriftI32, thriftI64:
		v := w.varint()
		w.number(visiting, int64(v>>1)^-int64(v&1))
	case thriftDouble:
		w.skip(8)
	case thriftBinary:
		w.skip(w.varint())
	case thriftList, thriftSet:
		head := w.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = w.varint()
		}
		w.number(visiting, int64(n))
		w.entries(n, depth, head&15)
	case thriftMap:
		if n := w.varint(); n > 0 {
			kinds := w.byte()
			w.entries(n, depth, kinds>>4, kinds&15)
		}
	case thriftStruct:
		w.structure(depth+1, visiting)
	default:
		w.fail(thriftUnknown)
	}
}

// entries reads over n entries, each of the given kinds in turn. Every entry takes a byte at least.
func (w *thriftWalker) entries(n uint64, depth int, kinds ...byte) {
	if n > uint64(len(w.b)-w.at) {
		w.fail(thriftTooMany)
		return
	}
	if depth > maxThriftDepth {
		w.fail(thriftDeep)
	}
	for ; n > 0 && w.err == nil; n-- {
		for _, kind := range kinds {
			w.value(kind, depth+1, false)
		}
	}
}
