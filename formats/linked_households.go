package formats

// LinkedHouseholds says how persons were grouped into households, and how good that is
// thought to be. Persons of whom no record says where they live are in none.
type LinkedHouseholds struct {
	Households int     `json:"households"`
	Persons    int     `json:"persons"` // whose household is known, if only as one of one person
	Unknown    int     `json:"persons_unknown"`
	Moved      int     `json:"persons_with_several_homes"` // whose records disagree about where they live
	Threshold  float64 `json:"threshold"`                  // score of two filters of one home
	Basis      string  `json:"basis"`                      // how they were formed, in words
	Compared   uint64  `json:"pairs_compared"`             // of filters
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
