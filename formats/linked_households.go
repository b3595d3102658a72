package formats

import "slices"

// LinkedHouseholds says how persons were grouped into households, and how good that is
// thought to be. Persons of whom no record says where they live are in none.
type LinkedHouseholds struct {
	Households int     `json:"households"`
	Persons    int     `json:"persons"` // whose household is known, if only as one of one person
	Unknown    int     `json:"persons_unknown"`
	Moved      int     `json:"persons_with_several_homes"` // whose records disagree about where they live
	Threshold  float64 `json:"threshold"`                  // score of two filters of one home
	Basis      string  `json:"basis"`                      // how they were formed, in words
	Compared   uint64  `json:"pairs_compared"`             // of filters: with blocking, a pair as often as it met
	ByKey      int     `json:"joined_by_exact_key"`        // households of several surnames, joined by the key of their home
	Disputed   int     `json:"homes_disputed"`             // keys of homes that several families have, of which some may have left
	TooLarge   int     `json:"too_large"`                  // families taken apart, being larger than a household without exact evidence can be
	// Precision is the share of pairs of persons with alike filters whose homes have the
	// same key, of the Judged pairs whose homes both have one; nil where there are none.
	Precision *float64        `json:"filter_precision"`
	Judged    int             `json:"pairs_judged"`
	Sizes     []LinkedSizes   `json:"sizes"`
	Encoding  string          `json:"encoding,omitempty"` // of the filters; "" where homes have keys alone
	Exact     []string        `json:"exact"`              // names of exact keys of homes
	Parties   []LinkedAddress `json:"parties"`
	Blocking  *LinkedBlocking `json:"blocking,omitempty"` // as of persons, but for homes
	// Previous says what became of the households of the linkage that this one was added to.
	Previous *LinkedHouseholdsBefore `json:"previous,omitempty"`
}

// LinkedHouseholdsBefore is what became of the households of an earlier linkage.
type LinkedHouseholdsBefore struct {
	Households int `json:"households"`
	Merged     int `json:"merged"`          // households that hold records of two or more earlier ones
	Split      int `json:"split"`           // earlier households whose records are in two or more
	Renamed    int `json:"renamed_records"` // earlier records whose household ID is another now, or none
}

// LinkedSizes counts the households of a range of sizes. It is coarse because a rare size
// alone would tell who lives there.
type LinkedSizes struct {
	Persons    string `json:"persons"` // "1", "2", "3 to 5", "6 to 12" or "over 12"
	Households int    `json:"households"`
}

// LinkedAddress is how far a party's addresses can be relied on: how often they are where the records of other
// parties have the same persons. By that it is decided where a person lives whose records disagree.
type LinkedAddress struct {
	Party  string  `json:"party"`
	Agrees float64 `json:"agrees"`
}

// ReadHouseholds reads who lives with whom: the household of each person, by number, -1 of
// persons in none, and the names of the households.
func (l *Linked) ReadHouseholds(dir string) (of []int32, ids []HouseholdID, err error) {
	number := make(map[string]int32, len(l.PersonIDs))
	for i, id := range l.PersonIDs {
		number[id.String()] = int32(i)
	}
	of = slices.Repeat([]int32{-1}, len(l.PersonIDs))
	at := map[HouseholdID]int32{}
	var household, person []string
	err = l.Manifest.ReadLinkedTable(dir, LinkedHouseholdsFile, HouseholdsColumns, func(t *TableReader) error {
		n, err := t.Next(&household, &person)
		for i := range n {
			p, known := number[person[i]]
			id, bad := ParseHouseholdID(household[i])
			if bad != nil || id == (HouseholdID{}) || !known || of[p] >= 0 {
				return l.damaged(dir)
			}
			k, there := at[id]
			if !there {
				k = int32(len(ids))
				at[id], ids = k, append(ids, id)
			}
			of[p] = k
		}
		return err
	})
	if err == nil && l.Manifest.Households != nil && len(ids) != l.Manifest.Households.Households {
		err = l.damaged(dir)
	}
	return of, ids, err
}
