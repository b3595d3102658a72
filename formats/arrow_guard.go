package formats

// The guard around arrow/ipc. Arrow's metadata is flatbuffers: tables and vectors that point to each other by
// offsets. The library makes room for as many columns, children, metadata entries and buffers as a vector's length
// claims, and a length is four bytes that damage can turn into four thousand million. So the few vectors that it
// sizes something by are found here first, and held against the bytes that are there.
//
// Field numbers are positions in the tables of format/Schema.fbs, Message.fbs and File.fbs of apache/arrow. Offsets
// that point nowhere panic, as they do in the library; the callers recover.

import "encoding/binary"

// flatTable is a table in a flatbuffer (https://flatbuffers.dev/internals/).
type flatTable struct {
	b  []byte
	at int
}

// flatRoot is the table that the buffer is about.
func flatRoot(b []byte) flatTable { return flatTable{b, int(binary.LittleEndian.Uint32(b))} }

// field is where the value of field i lies, or 0 if the table does not have it.
func (t flatTable) field(i int) int {
	vtable := t.at - int(int32(binary.LittleEndian.Uint32(t.b[t.at:])))
	if size := int(binary.LittleEndian.Uint16(t.b[vtable:])); 4+2*i >= size {
		return 0
	}
	if offset := int(binary.LittleEndian.Uint16(t.b[vtable+4+2*i:])); offset != 0 {
		return t.at + offset
	}
	return 0
}

// follow is where the offset at the given place points.
func (t flatTable) follow(at int) int { return at + int(binary.LittleEndian.Uint32(t.b[at:])) }

// number is the 8-byte number in field i, 0 if there is none.
func (t flatTable) number(i int) uint64 {
	if at := t.field(i); at != 0 {
		return binary.LittleEndian.Uint64(t.b[at:])
	}
	return 0
}

// table is the table in field i.
func (t flatTable) table(i int) (flatTable, bool) {
	at := t.field(i)
	if at == 0 {
		return t, false
	}
	return flatTable{t.b, t.follow(at)}, true
}

// vector is where the vector in field i begins and how many elements, of size bytes each, it has. It fails if they
// are not there.
func (t flatTable) vector(i, size int) (from, n int, err error) {
	at := t.field(i)
	if at == 0 {
		return 0, 0, nil
	}
	from = t.follow(at)
	n = int(binary.LittleEndian.Uint32(t.b[from:]))
	from += 4
	if n > (len(t.b)-from)/size {
		return 0, 0, damaged("its metadata has a list longer than itself")
	}
	return from, n, nil
}

const (
	messageHeaderType, messageHeader                         = 1, 2
	footerSchema, footerDictionaries, footerBatches          = 1, 2, 3
	schemaFields, schemaMetadata                             = 1, 2
	fieldType, fieldDictionary, fieldChildren, fieldMetadata = 2, 4, 5, 6
	dictionaryID, dictionaryBatchID, dictionaryBatchData     = 0, 0, 1
	batchVariadic                                            = 4

	headerSchema, headerDictionary, headerBatch = 1, 2, 3
	typeBinaryView, typeStringView              = 23, 24
)

// arrowShape is what a schema says about the messages to come.
type arrowShape struct {
	fields       int
	views        int             // columns of views, outside dictionaries
	dictionaries map[uint64]bool // by ID: whether the values are views
}

// checkArrowHead checks the metadata of a message, which has to be of the given kind: the library takes some messages
// for what it expects without looking. A schema is entered in shape, which for the other kinds is that schema's.
func checkArrowHead(head []byte, kind byte, shape *arrowShape) error {
	message := flatRoot(head)
	at := message.field(messageHeaderType)
	header, ok := message.table(messageHeader)
	if at == 0 || !ok || head[at] != kind {
		return damaged("a message is of another kind than belongs there")
	}
	switch kind {
	case headerSchema:
		return shape.schema(header)
	case headerDictionary:
		views := 0
		if shape.dictionaries[header.number(dictionaryBatchID)] {
			views = 1
		}
		if header, ok = header.table(dictionaryBatchData); !ok {
			return damaged("a dictionary is empty")
		}
		return checkArrowVariadic(header, views)
	}
	return checkArrowVariadic(header, shape.views)
}

// arrowKind is the kind of message that head is the metadata of, 0 for none.
func arrowKind(head []byte) byte {
	if at := flatRoot(head).field(messageHeaderType); at != 0 {
		return head[at]
	}
	return 0
}

// checkArrowVariadic checks how many buffers a record batch announces for each of its columns of views. The library
// reads that many numbers whether they are there or not.
func checkArrowVariadic(batch flatTable, views int) error {
	if views == 0 {
		return nil
	}
	from, n, err := batch.vector(batchVariadic, 8)
	if err == nil && n < views {
		err = damaged("a column of views has no buffers")
	}
	for i := 0; i < n && err == nil; i++ {
		if count := binary.LittleEndian.Uint64(batch.b[from+8*i:]); count > uint64(len(batch.b)) {
			err = damaged("a column is given as %d buffers", count)
		}
	}
	return err
}

func (s *arrowShape) schema(t flatTable) error {
	if _, _, err := t.vector(schemaMetadata, 4); err != nil {
		return err
	}
	s.dictionaries = make(map[uint64]bool)
	return s.enter(t, schemaFields, 0)
}

// enter checks the fields in a vector of a schema or of a field. Offsets only point onwards, so there are no circles;
// but the same field may be pointed to again and again, and so they are counted.
func (s *arrowShape) enter(t flatTable, vector, depth int) error {
	from, n, err := t.vector(vector, 4)
	if err != nil {
		return err
	}
	if s.fields += n; s.fields > 2*maxColumns || depth > 64 {
		return damaged("its schema has more than %d columns, or they are nested too deeply", 2*maxColumns)
	}
	for i := range n {
		field := flatTable{t.b, t.follow(from + 4*i)}
		if _, _, err := field.vector(fieldMetadata, 4); err != nil {
			return err
		}
		view := false
		if at := field.field(fieldType); at != 0 {
			view = field.b[at] == typeBinaryView || field.b[at] == typeStringView
		}
		if d, ok := field.table(fieldDictionary); ok {
			id := d.number(dictionaryID)
			s.dictionaries[id] = s.dictionaries[id] || view
		} else if view {
			s.views++
		}
		if err := s.enter(field, fieldChildren, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkArrowFooter checks the footer of an Arrow file, and all the messages that it points to.
func checkArrowFooter(r *digested) error {
	const tailSize = 4 + len("ARROW1") // the footer's length, and the magic word
	if r.size < int64(8+tailSize) {
		return damaged("it is cut off after %d bytes", r.size)
	}
	tail := make([]byte, tailSize)
	if _, err := r.ReadAt(tail, r.size-int64(tailSize)); err != nil {
		return err
	}
	if string(tail[4:]) != "ARROW1" {
		return damaged("it does not end as an Arrow file does; it may be cut off")
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	end := r.size - int64(tailSize) - length // of the messages
	if length > maxArrowHead || end < 8 {
		return damaged("its footer is given as %d bytes", length)
	}
	b := make([]byte, length)
	if _, err := r.ReadAt(b, end); err != nil {
		return err
	}
	footer := flatRoot(b)
	schema, ok := footer.table(footerSchema)
	if !ok {
		return damaged("its footer has no schema")
	}
	var shape arrowShape
	if err := shape.schema(schema); err != nil {
		return err
	}
	for blocks, kind := range map[int]byte{footerDictionaries: headerDictionary, footerBatches: headerBatch} {
		const blockSize = 24 // struct Block: offset, length of metadata and 4 bytes unused, length of body
		from, n, err := footer.vector(blocks, blockSize)
		for i := 0; i < n && err == nil; i++ {
			block := b[from+blockSize*i:]
			at, head, body := int64(binary.LittleEndian.Uint64(block)), int64(int32(binary.LittleEndian.Uint32(block[8:]))), int64(binary.LittleEndian.Uint64(block[16:]))
			if at < 8 || head < 8 || body < 0 || at > end || head > min(end-at, maxArrowHead) || body > end-at-head {
				return damaged("a batch lies outside the file")
			}
			err = checkArrowBlock(r, at, head, kind, &shape)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkArrowBlock checks the metadata of a message in a file, which 4 or 8 bytes of length come before.
func checkArrowBlock(r *digested, at, length int64, kind byte, shape *arrowShape) error {
	head := make([]byte, length)
	if _, err := r.ReadAt(head, at); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head) == 0xFFFFFFFF {
		head = head[4:]
	}
	return checkArrowHead(head[4:], kind, shape)
}
