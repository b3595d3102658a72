//go:build normeffect

package norm

import (
	_ "embed"
	"strings"
	"sync"
)

// Name variants were measured as added tokens and did not earn their place (testdata/norm-effect), so they are here
// under the tag normeffect only, for whoever measures again.
//
// variants.txt is made by testdata/variants.py, which says how, from carltonnorthern/nicknames (Apache-2.0) and the
// forename variants of sdglinkage (Copyright (c) 2020 Haoyuan Zhang, MIT), with a few spellings of our own.
//
//go:embed variants.txt
var variantTable string

var variants = sync.OnceValue(func() map[string][]string {
	m := make(map[string][]string)
	for line := range strings.Lines(variantTable) {
		formal, names, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for _, name := range strings.Fields(names) {
			m[name] = append(m[name], formal)
		}
	}
	return m
})

// Variants returns the formal names that one word of a canonical forename can stand for, in alphabetical order: BOB gives
// ROBERT, ALEX gives ALEXANDER and ALEXANDRA, and a name that no table knows, or that is formal itself, gives itself. Two
// names that can be one person's have a formal name in common, and a formal name stands for itself, so a caller that adds
// these as tokens lets BOB and ROBERT agree at the cost of one token each. It returns nil for "". The caller must not
// change the result.
//
// Surnames have no variants here: of the published ones most are changes of name, which no table can foresee.
func Variants(name string) []string {
	if name == "" {
		return nil
	}
	if formal, ok := variants()[name]; ok {
		return formal
	}
	return []string{name}
}
