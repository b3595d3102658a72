//go:build normeffect

package norm

import (
	"strings"
	"testing"
)

func TestVariants(t *testing.T) {
	for name, wantFormal := range map[string]string{"BOB": "ROBERT", "ALEX": "ALEXANDER ALEXANDRA", "ROBERT": "ROBERT", "MUHAMMAD": "MOHAMMED", "CATHERINE": "KATHERINE", "KATE": "KATHERINE", "QXZ": "QXZ", "": ""} {
		if got := strings.Join(Variants(name), " "); got != wantFormal {
			t.Errorf("Variants(%s) = %s, want %s", name, got, wantFormal)
		}
	}
	if len(variants()) < 1000 {
		t.Fatalf("only %d names in the table", len(variants()))
	}
	n := must(t, Name, Options{})
	for name, formals := range variants() {
		if text, _ := n.Value(name); text != name && name != "NAN" { // NAN is missing: it is what pandas writes for no value
			t.Errorf("%s can never be looked up: its canonical text is %q", name, text)
		}
		for i, formal := range formals {
			if back := Variants(formal); len(back) != 1 || back[0] != formal {
				t.Errorf("%s stands for %s, which stands for %v", name, formal, back)
			}
			if i > 0 && formals[i-1] >= formal {
				t.Errorf("%s: formal names out of order", name)
			}
		}
	}
	if len(variantTable) > 60_000 {
		t.Errorf("the table has %d bytes; it is meant to stay small", len(variantTable))
	}
}
