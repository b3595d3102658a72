package norm

// A Rule is one habit of these rules, named so that it can be left out to measure what it is worth: linking with
// everything but this, and linking with everything, on people whose truth is known (testdata/norm-effect). Nothing leaves
// a rule out but a build with the tag normeffect, and there only a test; see rule_effect.go.
type Rule string

// The rules that can be left out, and what then becomes of a cell.
const (
	LetterCase      Rule = "upper case"                               // letters stay as they are typed
	Accents         Rule = "accents and letters such as Ø folded"     // É stays É
	Apostrophes     Rule = "apostrophes vanish"                       // they part words, as a hyphen does
	Hyphens         Rule = "hyphens part words"                       // SMITH-JONES is SMITHJONES
	Titles          Rule = "titles, suffixes and NÉE removed"         // they stay, as words of the name
	Placeholders    Rule = "placeholders and notes missing"           // UNKNOWN, BABY, (DECEASED), 0000000000 are values
	MiddleInitials  Rule = "middle initials removed"                  // they stay
	JoinedNames     Rule = "O BRIEN and MC DONALD joined"             // two words
	Strays          Rule = "stray signs and digits dropped"           // a name with one is missing
	DefaultDates    Rule = "default dates missing"                    // 1 January 1900 is a date
	DateParts       Rule = "usable parts of impossible dates kept"    // an impossible or incomplete date is missing
	OtherForms      Rule = "dates in another form than declared read" // missing
	TwoDigitYears   Rule = "two-digit years read"                     // the whole date is missing
	SexCodes        Rule = "codes of sex made M or F, others missing" // the cell, in upper case
	PostcodeSpaces  Rule = "all rules of postcodes"                   // the cell, in upper case, with its space
	PseudoPostcodes Rule = "ZZ99 missing"                             // a postcode like others
	PostcodeRepair  Rule = "O/0 and I/1 put right in postcodes"       // missing
	WholePostcodes  Rule = "only whole, well-formed postcodes"        // any seven letters and digits
	CheckDigits     Rule = "NHS numbers with a wrong check digit missing"
	PhoneForms      Rule = "+44 and 0 of telephone numbers alike"
)

// Rules returns every rule that can be left out, in declaration order.
func Rules() []Rule {
	return []Rule{
		LetterCase, Accents, Apostrophes, Hyphens, Titles, Placeholders, MiddleInitials, JoinedNames, Strays,
		DefaultDates, DateParts, OtherForms, TwoDigitYears, SexCodes,
		PostcodeSpaces, PseudoPostcodes, PostcodeRepair, WholePostcodes, CheckDigits, PhoneForms,
	}
}

// withoutDate reports whether the rule that keeps dates with this problem is left out.
func withoutDate(p Problem) bool {
	switch p {
	case ImpossibleDate, PartialDate:
		return without(DateParts)
	case OtherForm:
		return without(OtherForms)
	case TwoDigitYear:
		return without(TwoDigitYears)
	}
	return false
}

// classesWithout are the classes of words that are not looked at.
func classesWithout() uint16 {
	var c uint16
	if without(Titles) {
		c |= asTitle | asSuffix | asLink
	}
	if without(Placeholders) {
		c |= asNote | asVoid | asAlone | asBaby
	}
	return c
}
