package borough

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Council says which of its systems the council's extract comes from.
type Council string

const (
	// CouncilIndex is a council that keeps one index of residents over adult and family services, housing, school admissions and
	// concessions: more than half of all residents, NHS numbers traced in batches. It is the default, since a council that joins
	// such a project is one that has built an index first; with it most people are in two to four parties.
	CouncilIndex Council = "index"
	// CouncilSocialCare is the social care case system alone: about 4 % of residents, often older, NHS numbers 80 to 95 % (A).
	CouncilSocialCare Council = "social-care"
	// CouncilTax is a revenues or electoral list: 85 % of adults, no NHS number, date of birth missing on 40 % (A).
	CouncilTax Council = "council-tax"
)

// Settings is everything that decides a borough: the same Settings give the same bytes. Every rate is a share between 0 and 1
// unless it says otherwise. Sources: "crate" is the first block of rates of CRATE's empirical_rates.sql (two NHS systems in
// Cambridgeshire, pairs with the same NHS number); "ons" the design row of ONSBigData/synthetic4linkage; (A) is an assumption of
// ours for which nothing published was found.
type Settings struct {
	Name      string // shown in Summary, decides nothing
	Seed      uint64
	People    int     // how many people to invent; the last household is kept whole. At most MaxPeople
	Practices int     // GP practices, 1 to 60
	Council   Council // which council extract

	AsOf           time.Time // the date of the newest possible snapshot; people's "current" facts are as of this day
	SnapshotMonths int       // each party's snapshot lies 0 to this many months before AsOf

	// People and households.
	TwinBabies      float64 // share of children who are one of twins: 3 % of births (A)
	LikeInitials    float64 // share of same-sex twins whose forenames begin alike (A)
	Juniors         float64 // share of households with a son in which he bears his father's forename: 0.5 % (A)
	SharedSurname   float64 // share of couples with one surname: 85 % (A)
	MixedCouples    float64 // share of couples of two ethnic groups (A)
	DoubleBarrelled float64 // share of people with a double-barrelled surname (A)

	// What happens over the years.
	Moves         float64 // multiplies the yearly moving rates by age (moveRate), whose mean over people is about 10 % a year
	MoveWithin    float64 // share of moves that stay in the borough (A)
	NewPractice   float64 // share of moves within the borough that change the practice (A)
	WomenRename   float64 // multiplies the yearly rate of surname changes of women (renameRate); set so that 6.78 % differ, crate
	MenRename     float64 // yearly rate of surname changes of boys, men and girls; set so that 2.22 % of men differ, crate
	DetailsYears  float64 // mean age in years of a record's name and address at its snapshot; set so that 31.0 % of postcodes differ, crate
	Leavers       float64 // share of households that have left the borough since the oldest snapshot; as many as come, 4 % a year
	Deaths        float64 // share of people aged 66 and over who died in the three years before AsOf (A)
	DeadOnList    float64 // share of deaths that a practice or the council has not yet noticed at its snapshot (A)
	Unregistered  float64 // share of residents with no practice: 3 % (A)
	Outsiders     float64 // share of each practice's list that lives outside the borough: 5 % (A)
	StaleListings float64 // share of people who are still on a former practice's list too: 4 to 7 %, from list inflation

	Addresses *AddressRates // nil: extracts have no address and no UPRN

	CCGYears int // years of hospital activity in the CCG's extract: with 3, about 80 % of registered people; range 55 to 95 % (A)

	// Errors, applied to each record after the true events.
	BadRecords     float64 // share of records made badly: 10 % (A)
	BadShare       float64 // share of all errors that they carry: half (A)
	MinorityFactor float64 // how many times likelier an error is in the record of someone of a minority ethnic group (A)
	InfantFactor   float64 // the same for children under one (A)
	GP             Rates
	CCG            Rates
	CouncilRates   Rates
	NHSWithheld    float64 // share of all records, in every party, whose NHS number is taken out besides: 0, 0.4 and 1 are the cases worth comparing

	LegacyEncoding bool // one practice writes Windows-1252 instead of UTF-8
}

// Rates are the chances per record of each error in one party's extract, averaged over its people. Where two records are compared, a
// difference is about twice as likely.
type Rates struct {
	Forename       float64 // a nickname, an edit, a middle name or an initial instead of the forename
	Surname        float64 // a spelling variant, an edit, spacing or an apostrophe changed
	HalfDropped    float64 // share of double-barrelled surnames of which one half is dropped
	OtherSurname   float64 // another surname altogether: a partner's, a parent's, another person's
	Alias          float64 // forename and surname both another: known under another name
	Swapped        float64 // forename and surname in each other's place
	ForenameBlank  float64 // no forename
	SurnameTitle   float64 // title or suffix in the surname's cell
	Baby           float64 // share of children under one who are entered as "BABY" and the like; not averaged over people
	Day            float64 // the day of birth wrong
	Month          float64
	Year           float64
	DateParts      float64 // two or more parts wrong, or day and month exchanged
	DefaultDate    float64 // 1 January of the right year, since only the year was known
	DateBlank      float64
	Sex            float64
	SexBlank       float64
	PostcodeTypo   float64 // an edit in the last two letters
	PostcodeSector float64 // the wrong sector: digit of the second half wrong
	PostcodeBlank  float64
	NoFixedAbode   float64 // ZZ99 3VZ
	OtherPseudo    float64 // ZZ99 3WZ, not known, and the other pseudo-postcodes
	NHSBlank       float64
	NHSDigit       float64 // one digit wrong, so that the check digit fails
	NHSOther       float64 // another number with a valid check digit
	NHSHousehold   float64 // the number of someone else in the household
	Duplicate      float64 // share of people who are in the extract twice
	DuplicateHome  float64 // of these, share whose second record is at the same address; the others are at an earlier or other one
}

// MaxPeople is what the test range of NHS numbers (999 and six free digits, 909,091 of them with a check digit) holds.
const MaxPeople = 900_000

// Clean is a borough of two well-run NHS systems and a council that took care: 20,000 people, with the rates that CRATE measured.
// The rates of GP and CCG are halves of the published differences between pairs, after what true events already cause.
func Clean() Settings {
	nhs := Rates{
		// crate: forenames differ on 2.36 % of pairs, both names on 0.44 %, swapped 0.077 %. "BABY" accounts for about 0.1 points.
		Forename: 0.0091,
		Alias:    0.0013,
		Swapped:  0.00039,
		// crate: surnames differ on 4.86 %. Of that (A) a tenth of that a dropped half, 15 % spelling and spacing, the rest
		// another name, most of it by true changes (renameRate).
		HalfDropped:  0.07,
		Surname:      0.0032,
		OtherSurname: 0.0018,
		SurnameTitle: 0.0003, // (A)
		Baby:         0.05,   // (A); the CCG's is higher
		// crate: date of birth differs on 0.49 %: day 274, month 172, year 136 of 624, the rest in more than one part.
		Day: 0.00108, Month: 0.00068, Year: 0.00053, DateParts: 0.00011, DefaultDate: 0.00005,
		DateBlank: 0.0002,  // (A)
		Sex:       0.00165, // crate: 0.33 %
		SexBlank:  0.001,   // (A)
		// crate: the same sector but another postcode on 0.97 % (moves nearby included), last two letters exchanged on 27 of 101,349.
		PostcodeTypo: 0.0046, PostcodeSector: 0.005, PostcodeBlank: 0.005,
		NoFixedAbode: 0.0020, OtherPseudo: 0.0018, // crate: ZZ99 3VZ 0.20 %, all ZZ99 0.38 %
		NHSBlank: 0.001,                                         // practices 0.1 %
		NHSDigit: 0.001, NHSOther: 0.0002, NHSHousehold: 0.0005, // (A)
	}
	ccg := nhs
	ccg.Baby = 0.15
	ccg.NHSBlank = 0.045 // hospital records 2 to 7 %
	council := nhs
	council.Forename, council.Surname, council.OtherSurname = 0.018, 0.007, 0.004 // twice the NHS rates (A)
	council.ForenameBlank, council.SurnameTitle = 0.002, 0.02
	council.Day, council.Month, council.Year, council.DateParts = 0.0022, 0.0014, 0.0011, 0.0004
	council.DefaultDate = 0.002 // 1 January: 0.2 % (A); CRATE's pairs leave no room for that in the NHS systems
	council.DateBlank = 0.03
	council.Sex, council.SexBlank = 0.0033, 0.02
	council.PostcodeTypo, council.PostcodeBlank = 0.008, 0.01
	council.NHSBlank = 0.12 // traced: missing 5 to 20 %
	council.Duplicate, council.DuplicateHome = 0.015, 0.3

	return Settings{
		Name: "clean", Seed: 1, People: 20_000, Practices: 13, Council: CouncilIndex,
		AsOf:           time.Date(2025, 3, 31, 0, 0, 0, 0, time.UTC),
		SnapshotMonths: 36,

		TwinBabies: 0.03, LikeInitials: 0.3, Juniors: 0.005, SharedSurname: 0.85, MixedCouples: 0.12, DoubleBarrelled: 0.03,

		Moves: 1, MoveWithin: 0.6, NewPractice: 0.5,
		WomenRename: 0.70, MenRename: 0.0008, DetailsYears: 6.3,
		Leavers: 0.10, Deaths: 0.06, DeadOnList: 0.1, Unregistered: 0.03, Outsiders: 0.05, StaleListings: 0.055,
		CCGYears: 3,

		BadRecords: 0.10, BadShare: 0.5, MinorityFactor: 1.5, InfantFactor: 2,
		GP: nhs, CCG: ccg, CouncilRates: council,
	}
}

// Dirty is the same borough seen through scanned forms: the design row of the ONS census test data in place of the error rates. People,
// moves, marriages and memberships are those of Clean with the same seed.
func Dirty() Settings {
	s := Clean()
	s.Name = "dirty"
	// With a third of all names wrong, a bad tenth cannot carry half of the errors: a quarter (A).
	s.BadShare = 0.25
	for _, r := range []*Rates{&s.GP, &s.CCG, &s.CouncilRates} {
		// ons: forename 35 %, surname 32 %, sex 1 %, day 15 %, month 13 %, year 13 %, postcode 4 % of pairs differ, so 1-sqrt(1-d) a record.
		r.Forename, r.Alias, r.Swapped = 0.188, 0.004, 0.006
		r.Surname, r.OtherSurname = 0.125, 0.045
		r.Day, r.Month, r.Year = 0.0735, 0.0620, 0.0685
		r.DateParts, r.DefaultDate = 0.004, 0.002
		r.Sex = 0.005
		r.PostcodeTypo, r.PostcodeSector = 0.0152, 0.005
		r.SurnameTitle = 0.02
		r.DateBlank = max(r.DateBlank, 0.01)
		// ons: 2 % duplicated in the household, 5 % elsewhere. Practices do not count anyone twice.
		if r != &s.GP {
			r.Duplicate, r.DuplicateHome = 0.07, 2.0/7
		}
	}
	return s
}

// shares gathers the settings that are shares.
func (s *Settings) shares() any {
	return struct {
		TwinBabies, LikeInitials, Juniors, SharedSurname, MixedCouples, DoubleBarrelled, MoveWithin, NewPractice, MenRename, Leavers, Deaths,
		DeadOnList, Unregistered, Outsiders, StaleListings, BadShare, NHSWithheld float64
	}{
		s.TwinBabies, s.LikeInitials, s.Juniors, s.SharedSurname, s.MixedCouples, s.DoubleBarrelled, s.MoveWithin, s.NewPractice, s.MenRename, s.Leavers, s.Deaths,
		s.DeadOnList, s.Unregistered, s.Outsiders, s.StaleListings, s.BadShare, s.NHSWithheld,
	}
}

// check refuses settings that cannot be drawn.
func (s *Settings) check() error {
	switch {
	case s.People < 1 || s.People > MaxPeople:
		return fmt.Errorf("people must be 1 to %d (the NHS test range holds no more), not %d", MaxPeople, s.People)
	case s.Practices < 1 || s.Practices > 60:
		return fmt.Errorf("practices must be 1 to 60, not %d", s.Practices)
	case s.SnapshotMonths < 0 || s.SnapshotMonths > 120:
		return fmt.Errorf("snapshot months must be 0 to 120, not %d", s.SnapshotMonths)
	case s.CCGYears < 1 || s.CCGYears > 20:
		return fmt.Errorf("years of hospital activity must be 1 to 20, not %d", s.CCGYears)
	case s.AsOf.Year() < 1990 || s.AsOf.Year() > 2060:
		return errors.New("the as-of date must lie between 1990 and 2060")
	case s.DetailsYears < 0 || s.DetailsYears > 50:
		return fmt.Errorf("mean age of details must be 0 to 50 years, not %g", s.DetailsYears)
	case s.BadRecords <= 0 || s.BadRecords >= 1:
		return fmt.Errorf("share of bad records must lie between 0 and 1, not %g", s.BadRecords)
	}
	for _, m := range []float64{s.Moves, s.WomenRename, s.MinorityFactor, s.InfantFactor} {
		if !(m >= 0 && m <= 100) {
			return fmt.Errorf("multipliers must be 0 to 100, not %g", m)
		}
	}
	rates := []any{s.shares(), s.GP, s.CCG, s.CouncilRates}
	if s.Addresses != nil {
		rates = append(rates, *s.Addresses)
	}
	for _, r := range rates {
		v := reflect.ValueOf(r)
		for i := range v.NumField() {
			if x := v.Field(i).Float(); !(x >= 0 && x <= 1) {
				return fmt.Errorf("%s must be a share between 0 and 1, not %g", v.Type().Field(i).Name, x)
			}
		}
	}
	switch s.Council {
	case CouncilIndex, CouncilSocialCare, CouncilTax:
	default:
		return fmt.Errorf("unknown kind of council extract %q: index, social-care or council-tax", s.Council)
	}
	return nil
}
