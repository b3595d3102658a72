package norm

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	unorm "golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// want is one cell and what becomes of it.
type want struct {
	cell, text string
	problem    Problem
}

func check(t *testing.T, kind Kind, o Options, cases []want) {
	t.Helper()
	n := must(t, kind, o)
	for i, c := range cases {
		text, p := n.Value(c.cell)
		if text != c.text || p != c.problem {
			t.Errorf("%s case %d, %q: got %q (%s), want %q (%s)", kind, i, c.cell, text, p, c.text, c.problem)
		}
	}
}

func must(t testing.TB, kind Kind, o Options) *Normaliser {
	t.Helper()
	n, err := New(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestName(t *testing.T) {
	check(t, Name, Options{}, []want{
		{"SMITH", "SMITH", None},
		{"  Anne   marie ", "ANNE MARIE", None},
		{"Anne-Marie", "ANNE MARIE", None},
		{"Anne‐Marie", "ANNE MARIE", None}, // U+2010
		{"Anne–Marie", "ANNE MARIE", None}, // en dash
		{"Anne−Marie", "ANNE MARIE", None}, // minus
		{"O'Brien", "OBRIEN", None},
		{"O’Brien", "OBRIEN", None},
		{"O´Brien", "OBRIEN", None}, // acute accent, which NFKC alone would split
		{"O\u02bcBrien", "OBRIEN", None}, {"O\u1ffdBrien", "OBRIEN", None}, {"O\u1fefBrien", "OBRIEN", None}, {"O\u2032Brien", "OBRIEN", None},
		{"O＇Brien", "OBRIEN", None},
		{"O Brien", "OBRIEN", Trimmed},
		{"O James", "O JAMES", None},
		{"Mc Donald", "MCDONALD", Trimmed},
		{"D'Arcy", "DARCY", None},
		{"Smith/Jones", "SMITH JONES", None},
		{"ST.JOHN", "ST JOHN", None},

		{"José Núñez", "JOSE NUNEZ", None},
		{"JOSE\u0301", "JOSE", None},
		{"Søren Łukasz Đorđe", "SOREN LUKASZ DORDE", None},
		{"Weiß Æsa Œuf Þór Ðan", "WEISS AESA OEUF THOR DAN", None},
		{"Işık", "ISIK", None},
		{"İREM", "IREM", None},
		{"Ǿ ＡＮＮ", "O ANN", None},
		{"Ｓｍｉｔｈ", "SMITH", None},
		{"Nguyễn", "NGUYEN", None},
		{"Ngũgĩ\u200b", "NGUGI", None},
		{"Иван Йорданов", "ИВАН ЙОРДАНОВ", None},
		{"محمد", "محمد", None},
		{"王 伟", "王 伟", None},
		{"प्रिया", "प्रिया", None},
		{"Γιώργος", "ΓΙΏΡΓΟΣ", None},

		{"Mrs Jones", "JONES", Trimmed},
		{"JONES (MRS)", "JONES", Trimmed},
		{"Dr. Rev. John Smith OBE PhD", "JOHN SMITH", Trimmed},
		{"Smith Jnr", "SMITH", Trimmed},
		{"Smith Jr. MBE", "SMITH", Trimmed},
		{"MR AND MRS SMITH", "SMITH", Trimmed},
		{"Lord", "LORD", None}, // a surname
		{"Senior", "SENIOR", None},
		{"MR", "", Placeholder},
		{"SMITH (DECEASED)", "SMITH", Trimmed},
		{"Smith née Jones", "SMITH JONES", Trimmed},
		{"Nee", "NEE", None},
		{"UNKNOWN SMITH", "SMITH", Trimmed},

		{"John P", "JOHN", Trimmed},
		{"J Paul", "J PAUL", None},
		{"J.P.", "J P", Initial},
		{"J", "J", Initial},
		{"JOHN MR P", "JOHN", Trimmed},

		{"Baby", "", Placeholder},
		{"BABY GIRL", "", Placeholder},
		{"Baby of Sarah", "", Placeholder},
		{"Twin 1", "", Placeholder},
		{"TWIN II", "", Placeholder},
		{"Baby Twin Two Smith", "SMITH", Trimmed},
		{"unknown", "", Placeholder},
		{"Not Known", "", Placeholder},
		{"not-known", "", Placeholder},
		{"N/A", "", Placeholder},
		{"n.a.", "", Placeholder},
		{"#N/A", "", Placeholder},
		{"NULL", "", Placeholder},
		{"TEST", "", Placeholder},
		{"ZZZTest Patient", "", Placeholder},
		{"XXTESTPATIENTABCD", "", Placeholder},
		{"Smith DO NOT USE", "", Placeholder},
		{"DONOTUSE", "", Placeholder},
		{"Smith (duplicate)", "", Placeholder},
		{"XXX", "", Placeholder},
		{"x", "", Placeholder},
		{"aaaa", "", Placeholder},
		{"Deceased", "", Placeholder},
		{"Surname", "", Placeholder},
		{"Grand Total", "", Placeholder},
		{"-", "", Placeholder},
		{"?", "", Placeholder},
		{"", "", Empty},
		{" \t\u00a0", "", Empty},

		{"l<erley", "LERLEY", Garbled},
		{"teka17", "TEKA", Garbled},
		{"ma:tin", "MATIN", Garbled},
		{"MARIE?CLAIRE", "MARIECLAIRE", Garbled},
		{"JosÃ© Smith", "JOSA SMITH", BadEncoding},
		{"Jos\xe9", "JOS", BadEncoding},
		{"Jos\ufffd", "JOS", BadEncoding},
		{"\xff", "", BadEncoding},

		{"RG40 1XS", "", Invalid},
		{"03/04/1961", "", Invalid},
		{"9434765919", "", Invalid},
		{"ann@example.org", "", Invalid},
		{strings.Repeat("ANN ", 60), "", Invalid},
	})
}

func TestSex(t *testing.T) {
	check(t, Sex, Options{}, []want{
		{"M", "M", None}, {"f", "F", None}, {"1", "M", None}, {"2", "F", None}, {"Male", "M", None}, {" FEMALE ", "F", None},
		{"1.0", "M", Repaired}, {"1 - Male", "M", None}, {"F (Female)", "F", None}, {"Woman", "F", None}, {"Ｍ", "M", None},
		{"0", "", Placeholder}, {"9", "", Placeholder}, {"Not known", "", Placeholder}, {"Not Specified", "", Placeholder},
		{"U", "", Placeholder}, {"X", "", Placeholder}, {"Indeterminate", "", Placeholder}, {"NULL", "", Placeholder},
		{"mqle", "", Invalid}, {"1 Female", "", Invalid}, {"Smith", "", Invalid}, {"", "", Empty},
	})
}

func TestPostcode(t *testing.T) {
	check(t, Postcode, Options{}, []want{
		{"RG40 1XS", "RG401XS", None}, {"RG401XS", "RG401XS", None}, {"rg40  1xs", "RG401XS", None}, {" RG40-1XS.", "RG401XS", None},
		{"M1 1AA", "M11AA", None}, {"M60 1NW", "M601NW", None}, {"CR2 6XH", "CR26XH", None}, {"DN55 1PT", "DN551PT", None},
		{"W1A 1HQ", "W1A1HQ", None}, {"EC1A 1BB", "EC1A1BB", None}, {"GIR 0AA", "GIR0AA", None}, {"CR0 2AB", "CR02AB", None},
		{"ＲＧ４０ １ＸＳ", "RG401XS", None}, {"RG4\u00a01XS", "RG41XS", None},
		{"RG4O 1XS", "RG401XS", Repaired}, {"RG40 IXS", "RG401XS", Repaired}, {"S01 4AA", "SO14AA", Repaired}, {"S014 4AA", "SO144AA", Repaired},
		{"0X1 1AA", "OX11AA", Repaired}, {"1P1 1AA", "IP11AA", Repaired}, {"ECI 1AA", "EC11AA", Repaired}, {"WIA 0AX", "W1A0AX", Repaired},
		{"WIA OAX", "", Invalid}, {"boorowa", "", Invalid}, // without a digit it may as well be a town
		{"ZZ99 3VZ", "", PseudoPostcode}, {"zz993wz", "", PseudoPostcode}, {"ZZ99 3CZ", "", PseudoPostcode}, {"ZZ99 6", "", PseudoPostcode},
		{"RG40", "", PartialPostcode}, {"RG40 1", "", PartialPostcode}, {"M1", "", PartialPostcode},
		{"AA1 1AA", "", Placeholder}, {"NOT KNOWN", "", Placeholder}, {"N/A", "", Placeholder},
		{"QG40 1XS", "", Invalid}, {"RJ40 1XS", "", Invalid}, {"RG40 1XK", "", Invalid}, {"RG400 1XS", "", Invalid}, {"3803", "", Invalid},
		{"RG40 1XS 2", "", Invalid}, {"1 High Street", "", Invalid}, {"", "", Empty},
	})
}

func TestNHSNumber(t *testing.T) {
	cases := []want{
		{"9434765919", "9434765919", None}, // NHS Data Dictionary's example
		{"943 476 5919", "9434765919", None}, {"943-476-5919", "9434765919", None}, {" 9434765919 ", "9434765919", None},
		{"9434765919.0", "9434765919", Repaired}, {"９４３４７６５９１９", "9434765919", None},
		{"9434765918", "", CheckDigit}, {"1234567890", "", Placeholder}, {"0123456789", "", Placeholder},
		{"0000000000", "", Placeholder}, {"1111111111", "", Placeholder}, {"4444444444", "", Placeholder},
		{"9.43477E+09", "", Scientific}, {"101010106", "", Invalid}, {"943476591", "", Invalid}, {"943A765919", "", Invalid},
		{"N/A", "", Placeholder}, {"not known", "", Placeholder}, {"", "", Empty},
	}
	check(t, NHSNumber, Options{}, cases)
	for _, c := range cases {
		if text, p := ParseNHSNumber(c.cell); text != c.text || p != c.problem {
			t.Errorf("ParseNHSNumber(%q) = %q, %s", c.cell, text, p)
		}
	}
	check(t, NHSNumber, Options{}, []want{{"999 000 0018", "9990000018", TestNumber}, {"0101010104", "", CheckDigit}})
	check(t, NHSNumber, Options{RejectTestNumbers: true}, []want{{"999 000 0018", "", TestNumber}, {"9434765919", "9434765919", None}})
}

// The check digit catches every single wrong digit and every two neighbours swapped: that is what Modulus 11 is for.
// Both follow from the weights being distinct and not 0 modulo the prime 11, whatever code computes it.
func TestNHSCheckDigitLaw(t *testing.T) {
	valid := 0
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(rapid.StringMatching(`[0-9]{10}`).Draw(t, "digits"))
		for c := byte('0'); c <= '9'; c++ { // at most one last digit is right
			s[9] = c
			if nhsCheckDigit(string(s)) {
				break
			}
		}
		if !nhsCheckDigit(string(s)) {
			return // the remainder for which no digit is given out
		}
		valid++
		i := rapid.IntRange(0, 9).Draw(t, "place")
		wrong := []byte(string(s))
		wrong[i] = '0' + (s[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if nhsCheckDigit(string(wrong)) {
			t.Fatal("a wrong digit passed")
		}
		if i < 9 && s[i] != s[i+1] {
			swapped := []byte(string(s))
			swapped[i], swapped[i+1] = s[i+1], s[i]
			if nhsCheckDigit(string(swapped)) {
				t.Fatal("two swapped digits passed")
			}
		}
	})
	if valid == 0 {
		t.Fatal("found no valid number to test")
	}
}

func TestLostZeroOfNHSNumber(t *testing.T) {
	found := false
	for i := 100000000; i < 100000100; i++ { // CHI numbers can begin with 0
		ten := fmt.Sprintf("0%d", i)
		text, p := ParseNHSNumber(ten[1:])
		if nhsCheckDigit(ten) {
			found = true
			if text != "" || p != LostZero {
				t.Errorf("nine digits that were ten: got %s", p)
			}
		} else if p != Invalid {
			t.Errorf("nine digits: got %s", p)
		}
	}
	if !found {
		t.Fatal("found nothing to test")
	}
}

func TestUPRN(t *testing.T) {
	check(t, UPRN, Options{}, []want{
		{"100023336956", "100023336956", None}, {"000010033544614", "", Invalid}, {"010033544614", "10033544614", None}, {"1", "1", None},
		{"100023336956.0", "100023336956", Repaired}, {"1.00023E+11", "", Scientific}, {"0", "", Placeholder}, {"000000000000", "", Placeholder},
		{"999999999999", "", Placeholder}, {"1000233369567", "", Invalid}, {"10 Downing", "", Invalid}, {"", "", Empty},
	})
}

func TestPhone(t *testing.T) {
	check(t, Phone, Options{}, []want{
		{"02079460958", "02079460958", None}, {"020 7946 0958", "02079460958", None}, {"(020) 7946-0958", "02079460958", None},
		{"+44 20 7946 0958", "02079460958", None}, {"+44 (0)20 7946 0958", "02079460958", None}, {"0044 20 7946 0958", "02079460958", None},
		{"442079460958", "02079460958", Repaired}, {"'07700900123", "07700900123", None}, {"03 0998 3134", "0309983134", None},
		{"020 7946 0958 ext 12", "02079460958", Trimmed}, {"020 7946 0958 x12", "02079460958", Trimmed}, {"02079460958#3", "02079460958", Trimmed},
		{"020 7946 0958 / 07700 900123", "02079460958", Trimmed}, {"12345; 07700 900123", "07700900123", Trimmed},
		{"+353 1 234 5678", "0035312345678", None}, {"7700900123", "7700900123", LostZero}, {"7.7009E+09", "", Scientific},
		{"03 0998 3a34", "", Invalid}, {"020 7946 0a958", "02079460958", Garbled},
		{"00000000000", "", Placeholder}, {"01234567890", "", Placeholder}, {"999", "", Placeholder}, {"946 0958", "", Invalid},
		{"None", "", Placeholder}, {"see notes", "", Invalid}, {"", "", Empty},
	})
}

func TestTextAndCode(t *testing.T) {
	check(t, Text, Options{}, []want{
		{"12a St. John's Road,  Wokingham", "12A ST JOHNS ROAD WOKINGHAM", None}, {"Café Zoë", "CAFE ZOE", None}, {"a@b.org", "A B ORG", None},
		{"not known", "", Placeholder}, {"N/A", "", Placeholder}, {"--", "", Placeholder}, {"", "", Empty}, {"Caf\xe9", "CAF", BadEncoding},
	})
	check(t, Code, Options{}, []want{
		{" k81003 ", "K81003", None}, {"ab  c-1", "AB C-1", None}, {"Ａ１", "A1", None}, {"1E10", "1E10", None}, {"NAT", "", Placeholder},
		{"1.23E+10", "", Scientific}, {"#REF!", "", Placeholder}, {"N/A", "", Placeholder}, {"", "", Empty}, {"\xff1", "", BadEncoding},
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := New("names", Options{}); err == nil || !strings.Contains(err.Error(), `"names"`) {
		t.Errorf("an unknown kind: %v", err)
	}
	for _, form := range []string{"DD/MM", "yesterday", "DD/DD/YYYY", "/YYYY", "YYY-MM-DD", "DMYYYY", "DD/YYYY", "YYYY-", "%d/%m/%Y", strings.Repeat("Y", 99)} {
		if _, err := New(Date, Options{Dates: form}); err == nil {
			t.Errorf("date form %q was accepted", form)
		}
	}
	for _, form := range append(DateForms(), "yyyy-mm-dd hh:mm:ss", "DD-MON-YYYY", "DD MM YYYY", "MM YYYY", "YYYY", "D/M/YY", "YYYYMM", "DDMMMYYYY") {
		if _, err := New(Date, Options{Dates: form}); err != nil {
			t.Error(err)
		}
	}
}

// A canonical text is its own canonical text; its alphabet is what the documentation says; white space and case around a
// cell change nothing. For every kind, on cells made of what such cells are made of.
func TestLaws(t *testing.T) {
	alphabet := map[Kind]*regexp.Regexp{
		Date:      regexp.MustCompile(`^(\d{4}|-{4})(\d\d|--)(\d\d|--)$`),
		Year:      regexp.MustCompile(`^\d{4}$`),
		Sex:       regexp.MustCompile(`^[MF]$`),
		Postcode:  regexp.MustCompile(`^[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}$|^GIR0AA$`),
		NHSNumber: regexp.MustCompile(`^\d{10}$`),
		UPRN:      regexp.MustCompile(`^[1-9]\d{0,11}$`),
		Phone:     regexp.MustCompile(`^\d{9,17}$`),
	}
	sure := map[Kind]string{
		Name: "Quillfeather-Dobbs", Date: "19510704", Year: "1951", Sex: "Female", Postcode: "OB1 1AA", NHSNumber: "999 398 2598",
		UPRN: "100012345678", Phone: "0118 496 0123", Text: "12 Nowhere Lane", Code: "k81003",
	}
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			n := must(t, kind, Options{Dates: "YYYYMMDD"})
			values := 0
			law := func(t interface{ Fatalf(string, ...any) }, cell string) {
				text, p := n.Value(cell)
				if text == "" {
					if p == None {
						t.Fatalf("missing without a problem")
					}
					return
				}
				values++
				if again, _ := n.Value(text); again != text {
					t.Fatalf("%q became %q", text, again)
				}
				if re := alphabet[kind]; re != nil && !re.MatchString(text) {
					t.Fatalf("%q is outside the alphabet", text)
				}
				if kind == Name || kind == Text {
					checkWords(t, text, kind == Text)
				}
				if padded, _ := n.Value("  " + cell + "\t"); padded != text {
					t.Fatalf("with white space around it: %q, not %q", padded, text)
				}
				if isASCII(cell) {
					if lower, _ := n.Value(strings.ToLower(cell)); lower != text {
						t.Fatalf("in lower case: %q, not %q", lower, text)
					}
				}
			}
			// Of few draws, as with -short, none may have a value: one is sure to.
			law(t, sure[kind])
			rapid.Check(t, func(t *rapid.T) { law(t, cellOf(kind).Draw(t, "cell")) })
			if values == 0 {
				t.Fatal("no cell of this kind had a value: the test tests nothing")
			}
		})
	}
}

func checkWords(t interface{ Fatalf(string, ...any) }, text string, digits bool) {
	if text != strings.Join(strings.Fields(text), " ") {
		t.Fatalf("%q is not single-spaced", text)
	}
	if !unorm.NFKC.IsNormalString(text) {
		t.Fatalf("%q is not NFKC", text)
	}
	for _, r := range text {
		switch {
		case r >= 'A' && r <= 'Z', r == ' ':
		case r < 0x80 && (!digits || r < '0' || r > '9'):
			t.Fatalf("%q has %q", text, r)
		case r >= 0x80 && !unicode.IsLetter(r) && !unicode.IsMark(r) && !(digits && unicode.IsDigit(r)):
			t.Fatalf("%q has %q", text, r)
		}
	}
}

// cellOf draws cells that are often nearly right.
func cellOf(kind Kind) *rapid.Generator[string] {
	pieces := map[Kind]string{
		Name:      "O' MC DR MRS . - ( ) P J OBE NEE BABY OF TWIN 1 UNKNOWN DO NOT USE X é ø ́ ’ ANN SMITH JONES BRIEN Й अ ि 王 A B < ? /",
		Date:      "0 1 2 3 9 19 20 12 31 1961 04 - / . T 00:00 Apr x 1900-01-01 19610403 --",
		Year:      "19 20 1961 61 .0 0 9 1 - x",
		Sex:       "M F 1 2 0 9 MALE FEMALE - . ( ) x",
		Postcode:  "RG40 M11AA RG4O1XS ZZ993VZ RG M EC SO W 1 2 0 O I 40 1XS 4AA A B 0AX ZZ99 - .",
		NHSNumber: "9434765919 9990000018 9 4 3 943 476 5919 999 000 0018 - .0 E+09 x",
		UPRN:      "010033544614 1 2 0 100023 .0 x",
		Phone:     "+44 0044 0 7 7946 0958 ( ) - / ext 12 x +353 7700900123",
		Text:      "St John's Road, 12a é ́ 王 Й ٣ @ - N/A",
		Code:      "k 81003 - é ﬁ Ａ . E+1 # ǰ ŉ ͅ",
	}
	words := strings.Fields(pieces[kind])
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "pieces") {
			b.WriteString(rapid.SampledFrom(words).Draw(t, "piece"))
			b.WriteString(rapid.SampledFrom([]string{"", " ", ""}).Draw(t, "gap"))
		}
		if rapid.IntRange(0, 9).Draw(t, "wild") == 0 {
			b.WriteString(rapid.String().Draw(t, "anything"))
		}
		return b.String()
	})
}

// The digest may only change with a decision to change what the rules do.
func TestDigestIsPinned(t *testing.T) {
	const pinned = "8f189a18fd480fc5136e8390b4f26e283347f6476d586f80579cdb82aa693335"
	sum := Digest()
	if got := hex.EncodeToString(sum[:]); got != pinned {
		t.Errorf("the digest of %s is %s, not %s.\nA table, a parameter or the Unicode version of the Go toolchain changed, so partners with the old and the new\nprogram would hash some cells differently, and now refuse to link, which is what the digest is for. If that is meant,\ngive Version a new number and pin the new digest here.", Version, got, pinned)
	}
}

// Every kind and every problem is documented.
func TestDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := string(readme)
	for _, k := range Kinds() {
		if !strings.Contains(documented, "| `"+string(k)+"` |") {
			t.Errorf("README.md has no row for the kind %s", k)
		}
	}
	if len(Problems()) == 0 {
		t.Fatal("no problems to look for")
	}
	seen := map[string]bool{}
	for _, p := range Problems() {
		if p.String() == "" || seen[p.String()] {
			t.Errorf("problem %d has no words of its own", p)
		}
		seen[p.String()] = true
		if !strings.Contains(documented, "| "+p.String()+" |") {
			t.Errorf("README.md has no row for the problem %q", p.String())
		}
	}
}
