package main

import (
	"strings"
	"testing"

	"cohortlink/hashing"
)

// TestEveryFilterInWords: whatever hashing can make, inspect has words for; what it cannot make is shown as it is named.
func TestEveryFilterInWords(t *testing.T) {
	filters := []hashing.Filter{{Hashes: 3}}
	for fold := range 4 {
		for bits := range 8 {
			f := hashing.Filter{Fold: fold, Rule90: bits&1 > 0, Balance: bits&2 > 0}
			if bits&4 > 0 {
				f.Noise, f.Fill = 0.125, 0.25
			}
			filters = append(filters, f)
		}
	}
	seen := map[string]string{}
	for _, f := range filters {
		f.Name, f.Length = "a", 4096
		words := encodingInWords(f.Encoding())
		if strings.Contains(words, ":") || strings.Contains(words, "/") || seen[words] != "" {
			t.Errorf("%s in words: %s (%s)", f.Encoding(), words, seen[words])
		}
		seen[words] = f.Encoding()
		if got := similarityInWords(f.Similarity()); got == "compared by "+f.Similarity() || strings.Contains(got, f.Similarity()) {
			t.Errorf("%s in words: %s", f.Similarity(), got)
		}
	}
	for _, unknown := range []string{"clkhash/3", "bloom/2 fold:1", "bloom/1 twirl", "sketch/1 hashes:3 fold:1 x", "", " "} {
		if got := encodingInWords(unknown); got != unknown {
			t.Errorf("%q in words: %q", unknown, got)
		}
	}
	for _, unknown := range []string{"jaccard", "noise", "xor:2", "sketch", "sketch:3:1", "dice:2", ""} {
		if got := similarityInWords(unknown); got != "compared by "+unknown {
			t.Errorf("%q in words: %q", unknown, got)
		}
	}
}
