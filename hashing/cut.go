package hashing

import "cohortlink/hashing/norm"

// Tokens returns the tokens that hashing cuts a canonical text of a kind into; one
// that occurs twice is there twice. It is for those who have to know what a filter
// was made of (an audit), not for making filters.
func Tokens(k norm.Kind, text string) []string {
	if text == "" {
		return nil
	}
	var list tokenList
	kinds[k].cut(&list, text)
	tokens := make([]string, 0, len(list.ends))
	from := 0
	for _, to := range list.ends {
		tokens = append(tokens, string(list.text[from:to]))
		from = to
	}
	return tokens
}
