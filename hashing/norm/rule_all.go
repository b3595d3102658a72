//go:build !normeffect

package norm

// without reports whether a rule is left out: in a program that people use, never. The compiler removes the question.
func without(Rule) bool { return false }

// marked returns the digest of the rules as they are.
func marked(digest [32]byte) [32]byte { return digest }
