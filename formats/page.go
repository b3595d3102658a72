package formats

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// What all pages share: one head, whose policy lets a browser load nothing, and being
// written whole or not at all.

//go:embed pagehead.html
var pageHead string

// pageFrame is what the head is filled with.
type pageFrame struct {
	Title  string
	CSS    template.CSS
	JS     template.JS // "" on pages without a script
	Policy string
}

// newFrame returns the frame of a page with this style and, if it is not empty, script.
func newFrame(title, css, js string) pageFrame {
	script := ""
	if js != "" {
		script = " script-src " + policyHash(js) + ";"
	}
	return pageFrame{Title: title, CSS: template.CSS(css), JS: template.JS(js),
		Policy: "default-src 'none'; style-src " + policyHash(css) + ";" + script + " base-uri 'none'; form-action 'none'"}
}

// policyHash names an inline style or script to a content security policy
// (W3C CSP Level 3, section 2.3.1, hash-source).
func policyHash(text string) string {
	h := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
}

// writePage writes a page whole, or nothing at all; what stands in errors.
func writePage(w io.Writer, what string, t *template.Template, filled any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, filled); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
