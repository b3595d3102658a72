package norm

import "strings"

// The word lists. They were checked against the ONS surname and forename frequencies (sdglinkage): a word that is also a
// common surname or forename is not in a list that would remove it. Left out for that reason: SENIOR, SAMPLE, TESTER,
// BLANK, PERSON, PATIENT, MALE (surnames); DEAN, EARL, PRINCE, DUKE (forenames); MAJOR, CANON; MD (Mohammed); BA, MA, JP
// and other two-letter degrees and honours (surnames, and initials after a surname).

// Classes of words inside a name. A word can have several.
const (
	asTitle    uint16 = 1 << iota // removed before other words
	asSuffix                      // removed after other words
	asNote                        // removed wherever it stands
	asVoid                        // makes the whole cell missing wherever it stands
	asAlone                       // makes the cell missing where nothing else is left
	asBaby                        // an unnamed child: removed with what follows of asBabyMore
	asBabyMore                    //
	asLink                        // removed between two names
	asOStem                       // joined to an O before it
)

var nameWordLists = []struct {
	class uint16
	words string
}{
	// A title with nothing after it is no name; LORD and MASTER alone may be one.
	{asTitle | asAlone, "MR MRS MISS MS MX MSTR DR PROF REV REVD REVEREND PROFESSOR SIR DAME CLLR COUNCILLOR CAPT SGT CPL PTE LT BARONESS"},
	{asTitle, "DOCTOR MASTER LORD LADY CAPTAIN AND"},
	{asSuffix, "MR MRS MISS MS MX DR PROF REV REVD"}, // "SMITH (MRS)", "SMITH MR"
	{asSuffix, "JR JNR JUNIOR SR SNR II III ESQ ESQUIRE"},
	{asSuffix, "OBE MBE CBE KBE DBE BEM PHD DPHIL MPHIL BSC MSC BENG MENG MBA LLB LLM PGCE MBBS MBCHB BDS RGN RMN SRN FRCS FRCP FRCGP MRCS MRCP MRCGP"},
	{asNote, "UNKNOWN UNK DECEASED DECD RIP"},
	{asVoid, "TEST TESTING DUPLICATE DUMMY DONOTUSE DONTUSE TESTPATIENT EDITESTPATIENT"},
	{asAlone, "BOY GIRL X NK NA NULL NONE NIL NAN NFN NMN NKA TBC TBA ANON ANONYMOUS UNNAMED NONAME MISSING WITHHELD REFUSED REDACTED DELETED DELETE MERGED INVALID VOID OBSOLETE"},
	{asAlone, "FORENAME SURNAME FIRSTNAME LASTNAME NAME TOTAL TOTALS COUNT"}, // a header or a total row among the data
	{asBaby, "BABY INFANT NEWBORN TWIN TRIPLET"},
	{asBabyMore, "BABY INFANT NEWBORN TWIN TRIPLET BOY GIRL MALE FEMALE ONE TWO THREE A B C I II III"},
	{asLink, "NEE AKA ALIAS FORMERLY"},
	// Irish names whose O is often written apart. Those with a frequency in the ONS list, and a few as common in Ireland.
	{asOStem, "BOYLE BRIAN BRIEN CALLAGHAN CONNELL CONNER CONNOR DEA DOHERTY DONNELL DONOGHUE DONOVAN DOWD DRISCOLL DWYER FARRELL FLYNN GORMAN GRADY HAGAN HALLORAN HANLON HARA HARE HIGGINS KANE KEEFE KEEFFE KELLY LEARY LOUGHLIN MAHONEY MAHONY MALLEY MARA MEARA NEAL NEIL NEILL REILLY RILEY ROURKE RYAN SHAUGHNESSY SHEA SULLIVAN TOOLE"},
}

var nameWords = func() map[string]uint16 {
	m := make(map[string]uint16)
	for _, list := range nameWordLists {
		for _, w := range strings.Fields(list.words) {
			m[w] |= list.class
		}
	}
	return m
}()

// placeholderTexts stand for no value whatever the kind. They are compared with a cell folded to words of letters and
// digits, so "Not known", "NOT-KNOWN" and "(not known)" are one.
var placeholderTexts = []string{
	"UNKNOWN", "UNK", "NOT KNOWN", "NOTKNOWN", "NK", "N K", "DONT KNOW",
	"NOT STATED", "NOT GIVEN", "NOT RECORDED", "NOT AVAILABLE", "NOT APPLICABLE", "NOT SPECIFIED", "NOT PROVIDED",
	"NOT DISCLOSED", "NOT SUPPLIED", "NOT ENTERED", "NOT COLLECTED", "NO DATA", "NO VALUE", "NO ANSWER",
	"NA", "NULL", "NONE", "NIL", "NAN", "NAT", "TBC", "TBA",
	"MISSING", "WITHHELD", "REFUSED", "REDACTED", "DECLINED", "PREFER NOT TO SAY",
}

// namePhrases stand for no name, compared with the words that are left of it.
var namePhrases = []string{
	"NO NAME", "NO FORENAME", "NO SURNAME", "NO FIRST NAME", "NO LAST NAME", "NO MIDDLE NAME", "NO OTHER NAME",
	"NAME UNKNOWN", "NAME NOT KNOWN", "NOT NAMED", "NOT YET NAMED", "TO BE NAMED", "TO BE CONFIRMED",
	"FIRST NAME", "LAST NAME", "GIVEN NAME", "FAMILY NAME", "GRAND TOTAL",
}

// rawPlaceholders are compared with the trimmed cell in upper case: their punctuation is what tells them apart.
var rawPlaceholders = []string{
	"N/A", "N.A.", "N.A", "N/K", "(NULL)", "<NULL>", "<NA>", "[NULL]",
	"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA", // what a spreadsheet writes for a failed formula
}

func set(words ...string) map[string]struct{} {
	m := make(map[string]struct{}, len(words))
	for _, w := range words {
		m[w] = struct{}{}
	}
	return m
}

var (
	placeholderSet    = set(placeholderTexts...)
	namePhraseSet     = set(append(namePhrases, placeholderTexts...)...)
	rawPlaceholderSet = set(rawPlaceholders...)
)

// longestPlaceholder bounds the cells worth comparing: nothing longer is in the lists.
const longestPlaceholder = 64

func isRawPlaceholder(cell string) bool {
	_, ok := rawPlaceholderSet[strings.ToUpper(strings.TrimSpace(cell))]
	return ok
}

// isPlaceholder reports whether a whole cell, whatever its kind, stands for no value.
func isPlaceholder(cell string) bool {
	cell = plain(cell)
	if len(cell) > longestPlaceholder {
		return false
	}
	if isRawPlaceholder(cell) {
		return true
	}
	words, f := fold(nil, cell, keepDigits)
	if len(words) == 0 {
		return !f.bad // "-", "?", "########"
	}
	if _, ok := placeholderSet[string(words)]; ok {
		return true
	}
	return f.digits == 0 && len(words) >= 2 && oneByte(string(words)) && (words[0] == 'X' || words[0] == 'Z')
}
