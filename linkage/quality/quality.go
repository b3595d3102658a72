// Package quality scores who was linked with whom against the truth: pairs,
// clusters and a sweep over thresholds.
//
// It does not know where truth comes from. Records, persons and entities are
// numbers.
package quality

// Records says of each record what linking made of it and what is true.
type Records struct {
	Person []int // any number; equal numbers are one person as linked
	Entity []int // any number; equal numbers are one person in truth
	Party  []int
	// Within counts pairs of one party too. Otherwise only pairs between parties
	// count, which is what partners hold a linkage to.
	Within bool
}

// Scores compares links with the truth. Rates over nothing are 0.
type Scores struct {
	TruePositives  int     `json:"true_positives"`
	FalsePositives int     `json:"false_positives"`
	FalseNegatives int     `json:"false_negatives"`
	Precision      float64 `json:"precision"`
	Recall         float64 `json:"recall"`
	F1             float64 `json:"f1"`
	// Clusters that are exactly one entity with all of its records, those of one record
	// aside: over clusters as linked, and over entities.
	Exact Rates `json:"exact_clusters"`
	// BCubed averages over records the share of a record's cluster that is its own
	// entity, and the share of its entity that is in its cluster (Bagga & Baldwin,
	// COLING-ACL 1998).
	BCubed Rates `json:"b_cubed"`
}

// Rates are precision, recall and their harmonic mean.
type Rates struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

func rates(precision, recall float64) Rates {
	r := Rates{precision, recall, 0}
	if precision+recall > 0 {
		r.F1 = 2 * precision * recall / (precision + recall)
	}
	return r
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// Score counts. It takes time and memory in the order of the records.
func Score(r Records) Scores {
	type cell struct{ person, entity int }
	type partyCell struct {
		cell
		party int
	}
	var (
		persons   = map[int]int{}
		entities  = map[int]int{}
		both      = map[cell]int{}
		personsIn = map[[2]int]int{}
		entityIn  = map[[2]int]int{}
		bothIn    = map[partyCell]int{}
	)
	for i := range r.Person {
		p, e, party := r.Person[i], r.Entity[i], r.Party[i]
		persons[p]++
		entities[e]++
		both[cell{p, e}]++
		if !r.Within {
			personsIn[[2]int{p, party}]++
			entityIn[[2]int{e, party}]++
			bothIn[partyCell{cell{p, e}, party}]++
		}
	}

	// Pairs inside groups, less those inside one party.
	linked := pairs(persons) - pairs(personsIn)
	truth := pairs(entities) - pairs(entityIn)
	right := pairs(both) - pairs(bothIn)

	var s Scores
	s.TruePositives, s.FalsePositives, s.FalseNegatives = right, linked-right, truth-right
	all := rates(share(float64(right), float64(linked)), share(float64(right), float64(truth)))
	s.Precision, s.Recall, s.F1 = all.Precision, all.Recall, all.F1

	var exact, groups, groupsTrue int
	for _, n := range persons {
		if n > 1 {
			groups++
		}
	}
	for _, n := range entities {
		if n > 1 {
			groupsTrue++
		}
	}
	var precision, recall float64
	for c, n := range both {
		if n > 1 && persons[c.person] == n && entities[c.entity] == n {
			exact++
		}
		precision += float64(n) * float64(n) / float64(persons[c.person])
		recall += float64(n) * float64(n) / float64(entities[c.entity])
	}
	s.Exact = rates(share(float64(exact), float64(groups)), share(float64(exact), float64(groupsTrue)))
	s.BCubed = rates(share(precision, float64(len(r.Person))), share(recall, float64(len(r.Person))))
	return s
}

func pairs[K comparable](groups map[K]int) int {
	var n int
	for _, k := range groups {
		n += k * (k - 1) / 2
	}
	return n
}
