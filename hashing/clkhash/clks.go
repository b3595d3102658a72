package clkhash

import (
	"bufio"
	"encoding/base64"
	"io"
)

// A JSONWriter writes clks JSON, byte for byte what anonlink encode writes: one object
// with the list of CLKs in base64, in row order, without a line end. (The binary form
// needs no writer: it is the CLKs back to back.)
type JSONWriter struct {
	w     *bufio.Writer
	text  []byte
	begun bool
}

// NewJSONWriter makes a writer. Nothing is written before the first CLK or Close.
func NewJSONWriter(w io.Writer) *JSONWriter {
	return &JSONWriter{w: bufio.NewWriter(w)}
}

// Write adds one CLK.
func (j *JSONWriter) Write(clk []byte) error {
	if j.begin() {
		j.w.WriteString(", ")
	}
	j.w.WriteByte('"')
	j.text = base64.StdEncoding.AppendEncode(j.text[:0], clk)
	j.w.Write(j.text)
	// bufio keeps the first error and returns it from every call.
	return j.w.WriteByte('"')
}

func (j *JSONWriter) begin() (already bool) {
	if !j.begun {
		j.w.WriteString(`{"clks": [`)
		j.begun = true
		return false
	}
	return true
}

// Close ends the object and flushes; it does not close the writer beneath.
func (j *JSONWriter) Close() error {
	j.begin()
	j.w.WriteString("]}")
	return j.w.Flush()
}
