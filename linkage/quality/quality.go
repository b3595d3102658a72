// Package quality scores who was linked with whom against the truth, and says
// for whom and why links were missed. It does not know where the truth comes
// from, nor what a name or a filter is: records, parties, persons and entities
// are numbers, causes and groups are words that the caller gave.
//
//	Score   precision, recall and F1 of pairs, of whole clusters, and B-cubed
//	Sweep   the same at each of several thresholds
//	Why     recall by cause, by party pair and by group; wrong pairs by kind
//
// # What is counted
//
// A pair is two records of different parties (Records.Within: of any). It is
// true when both are one entity, linked when both are one person, right when it
// is both, missed when it is true only, and wrong when it is linked only. Pairs
// are counted after persons were formed, so that a link that follows from two
// others counts like any other.
//
// Nothing here walks through pairs. The obvious way, two loops over each
// person's records, stops at the first threshold that is too low: one person of
// 100,000 records has five thousand million pairs. Every figure is instead a
// sum over groups of records that agree on something, so that time and memory
// grow with the records alone (see groups.go).
package quality

// Records says of each record what linking made of it and what is true. The
// slices are of one length; the functions here read them and keep none.
type Records struct {
	Person []int // any number; equal numbers are one person as linked
	Entity []int // any number; equal numbers are one person in truth
	Party  []int // any number; equal numbers are one party
	// Within counts pairs of one party too. Otherwise only pairs between parties
	// count, which is what partners hold a linkage to.
	Within bool
	// Only, if not nil, leaves out of every count the records for which it is
	// false, after persons were formed with them: pairs whose two records both
	// hold enough to be found, say.
	Only []bool
}

// Scores compares links with the truth. Rates over nothing are 0.
type Scores struct {
	TruePositives  int     `json:"true_positives"`  // right pairs
	FalsePositives int     `json:"false_positives"` // wrong pairs
	FalseNegatives int     `json:"false_negatives"` // missed pairs
	Precision      float64 `json:"precision"`
	Recall         float64 `json:"recall"`
	F1             float64 `json:"f1"`
	// Clusters that are exactly one entity with all of its records, those of one record
	// aside: over clusters as linked, and over entities.
	Exact Rates `json:"exact_clusters"`
	// BCubed averages over records the share of a record's cluster that is its own
	// entity, and the share of its entity that is in its cluster (Bagga & Baldwin,
	// COLING-ACL 1998). The record itself counts in both, and so do records of its own party.
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

// Score counts. It panics if the slices of r differ in length.
func Score(r Records) Scores {
	if err := r.check(); err != nil {
		panic("quality: " + err.Error())
	}
	person, _ := dense(r.Person)
	entity, _ := dense(r.Entity)
	party, parties := dense(r.Party)
	c := newCounter(party, parties, r.Within)
	all := kept(&r)
	persons, entities := all.split(person, 1), all.split(entity, 1)
	both := persons.split(entity, 1)

	var s Scores
	linked, truth := c.pairs(persons), c.pairs(entities)
	s.TruePositives = c.pairs(both)
	s.FalsePositives, s.FalseNegatives = linked-s.TruePositives, truth-s.TruePositives
	pairs := rates(share(float64(s.TruePositives), float64(linked)), share(float64(s.TruePositives), float64(truth)))
	s.Precision, s.Recall, s.F1 = pairs.Precision, pairs.Recall, pairs.F1

	inPerson, clusters := sizes(persons, person)
	inEntity, trueClusters := sizes(entities, entity)
	var exact int
	var precision, recall float64
	for _, set := range both {
		n, p, e := len(set), inPerson[person[set[0]]], inEntity[entity[set[0]]]
		if n > 1 && n == p && n == e {
			exact++
		}
		precision += float64(n) * float64(n) / float64(p)
		recall += float64(n) * float64(n) / float64(e)
	}
	n := float64(all.records())
	s.Exact = rates(share(float64(exact), float64(clusters)), share(float64(exact), float64(trueClusters)))
	s.BCubed = rates(share(precision, n), share(recall, n))
	return s
}

// sizes returns how many records of g have each key, and how many of its groups
// are of more than one record. The groups of g are those of the keys.
func sizes(g groups, key []int32) (of []int, several int) {
	of = make([]int, len(key))
	for _, set := range g {
		of[key[set[0]]] = len(set)
		if len(set) > 1 {
			several++
		}
	}
	return of, several
}
