package norm

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"

	unorm "golang.org/x/text/unicode/norm"
)

// Digest is the SHA-256 of everything in these rules that is a table or a number, and of the Unicode versions that fold
// letters. It changes whenever the canonical text of some cell can change, provided that a changed line of code brings a
// changed Version. Projects put it in their schema fingerprint.
func Digest() [32]byte { return marked(digest()) }

var digest = sync.OnceValue(func() (sum [32]byte) {
	h := sha256.New()
	writeRules(h)
	h.Sum(sum[:0])
	return sum
})

// writeRules writes the rules in a fixed order, one to a line, name and value.
func writeRules(w io.Writer) {
	line := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	sorted := func(words string) string {
		w := strings.Fields(words)
		slices.Sort(w)
		return strings.Join(w, " ")
	}
	line("version", Version)
	line("unicode", unicode.Version)
	line("unicode normalisation", unorm.Version)

	line("separators", fmt.Sprintf("%q", separators))
	line("apostrophes", fmt.Sprintf("%+q", apostrophes))
	letters := make([]string, 0, len(latinLetters))
	for r, s := range latinLetters {
		letters = append(letters, fmt.Sprintf("%04X=%s", r, s))
	}
	slices.Sort(letters)
	line("letters", letters)

	for i, list := range nameWordLists {
		line(fmt.Sprintf("name words %d class %#x", i, list.class), sorted(list.words))
	}
	line("name phrases", slices.Sorted(slices.Values(namePhrases)))
	line("longest name", longestName)
	line("placeholders", slices.Sorted(slices.Values(placeholderTexts)))
	line("raw placeholders", slices.Sorted(slices.Values(rawPlaceholders)))
	line("longest placeholder", longestPlaceholder)

	line("years", fmt.Sprint(FirstYear, LastYear, LastTwoDigitYear))
	line("months", monthNames)
	line("default dates", defaultDates)
	line("date part unknown", partUnknown)
	line("serial digits", serialDigits)

	line("postcode", strings.Join([]string{postcodeFirst, postcodeSecond, postcodeThird, postcodeFourth, postcodeInward}, " "))
	line("postcode repair digits", postcodeRepairDigits)
	line("postcode dummies", sorted(postcodeDummy))
	line("nhs dummies", sorted(nhsDummies))
	line("nhs test range", nhsTestRange)
	line("uprn digits", uprnDigits)
	line("phone lengths", fmt.Sprint(phoneMin, phoneMax, phoneNationalMin, phoneUKMax))
	line("phone punctuation", fmt.Sprintf("%+q", phonePunctuation))
	line("phone extensions", phoneExtensions)
	line("phone dummies", sorted(phoneDummies))
	line("sex", strings.Join([]string{sorted(sexMale), sorted(sexFemale), sorted(sexNeither)}, " / "))
}
