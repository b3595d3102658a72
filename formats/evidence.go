package formats

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"cohortlink/linkage"
)

// Linked is a linked folder read back into what link knew when it wrote it. Row and the
// estimate are not in the folder: Result has none of them, and of the plan the loss alone.
type Linked struct {
	Manifest  *LinkedManifest
	Result    *linkage.Result
	PersonIDs []PersonID // of each person, by number
	Filters   []string   // names of filters and of exact keys, as in Result.Evidence
	Exact     []string
	number    map[RecordID]int32
}

// ReadLinked reads the people, the pairs and the evidence of a linked folder. It takes
// about 100 bytes for each record, and 16 for each pair.
func ReadLinked(dir string) (*Linked, error) {
	m, err := ReadLinkedManifest(dir)
	if err != nil {
		return nil, err
	}
	l := &Linked{Manifest: m, Result: &linkage.Result{Floor: m.Floor, Compared: m.Compared}, number: make(map[RecordID]int32, m.Records)}
	r := l.Result
	if n, _ := fmt.Sscanf(m.Threshold.Value, "%d/%d", &r.Num, &r.Den); n != 2 || r.Num < 1 || r.Num > r.Den {
		return nil, l.damaged(dir)
	}
	if b := m.Blocking; b != nil && b.Loss != nil {
		if r.Plan.Loss = *b.Loss; !(r.Plan.Loss >= 0 && r.Plan.Loss <= 1) {
			return nil, l.damaged(dir)
		}
	}
	if err := l.readPeople(dir); err != nil {
		return nil, err
	}
	if r.Offsets, err = m.Offsets(); err != nil {
		return nil, l.damaged(dir)
	}
	if err := l.readPairs(dir); err != nil {
		return nil, err
	}
	if m.Evidence != nil {
		err = l.readEvidence(dir)
	}
	return l, err
}

// Number is the number of a record.
func (l *Linked) Number(id RecordID) (record int32, ok bool) {
	record, ok = l.number[id]
	return record, ok
}

func (l *Linked) damaged(dir string) error {
	return fmt.Errorf("%s holds what link does not write: link again", shownPath(dir))
}

func (l *Linked) readPeople(dir string) error {
	r := l.Result
	at := map[string]int{}
	for i, p := range l.Manifest.Parties {
		at[p.Name] = i
		r.Parties, r.Clean = append(r.Parties, p.Name), append(r.Clean, p.Deduplicated)
	}
	persons := map[string]int32{}
	count := make([]int, len(r.Parties))
	last := 0
	var person, party, record []string
	err := l.Manifest.ReadLinkedTable(dir, LinkedPeopleFile, PeopleColumns, func(t *TableReader) error {
		n, err := t.Next(&person, &party, &record)
		for i := range n {
			p, ok := at[party[i]]
			id, bad := ParseRecordID(record[i])
			if !ok || bad != nil || p < last || count[p] > 0 && bytes.Compare(r.IDs[len(r.IDs)-1][:], id[:]) >= 0 {
				return l.damaged(dir)
			}
			k, ok := persons[person[i]]
			if !ok {
				name, err := ParsePersonID(person[i])
				if err != nil {
					return l.damaged(dir)
				}
				k = int32(len(persons))
				persons[strings.Clone(person[i])] = k
				l.PersonIDs = append(l.PersonIDs, name)
			}
			last = p
			count[p]++
			l.number[id] = int32(len(r.IDs))
			r.IDs, r.Person = append(r.IDs, id), append(r.Person, k)
		}
		return err
	})
	r.First = make([]int, 1, len(count)+1)
	for i, n := range count {
		r.First = append(r.First, r.First[i]+n)
	}
	r.Persons = len(l.PersonIDs)
	return err
}

func (l *Linked) readPairs(dir string) error {
	r := l.Result
	var a, b, stage []string
	var score []float64
	var accepted []bool
	return l.Manifest.ReadLinkedTable(dir, LinkedPairsFile, PairsColumns, func(t *TableReader) error {
		n, err := t.Next(&a, &b, &score, &accepted, &stage)
		for i := range n {
			p := linkage.Pair{Score: score[i]}
			var ok bool
			if p.A, p.B, ok = l.pair(a[i], b[i]); !ok {
				return l.damaged(dir)
			}
			if r.Offsets != nil {
				p.Score = r.Offsets.Add(p.Score, r.Party(p.A), r.Party(p.B))
			}
			if len(r.Pairs) > 0 && !(p.Score <= r.Pairs[len(r.Pairs)-1].Score) || r.Accepted(p) != accepted[i] {
				return l.damaged(dir)
			}
			r.Pairs = append(r.Pairs, p)
		}
		return err
	})
}

func (l *Linked) pair(a, b string) (x, y int32, ok bool) {
	first, err1 := ParseRecordID(a)
	second, err2 := ParseRecordID(b)
	x, ok1 := l.number[first]
	y, ok2 := l.number[second]
	return x, y, err1 == nil && err2 == nil && ok1 && ok2 && x < y
}

func (l *Linked) readEvidence(dir string) error {
	for _, f := range l.Manifest.Evidence.Filters {
		l.Filters = append(l.Filters, f.Name)
	}
	for _, k := range l.Manifest.Evidence.Exact {
		l.Exact = append(l.Exact, k.Name)
	}
	e := &linkage.Evidence{Scores: make([][]float32, len(l.Filters)), Outcomes: make([][]linkage.Outcome, len(l.Exact))}
	if w := l.Manifest.Evidence.Weighing; w != nil {
		weighing := linkage.Weighing(*w)
		e.Weighing = &weighing
	}
	var a, b []string
	var weight, probability []float64
	scores, outcomes := make([][]float64, len(l.Filters)), make([][]string, len(l.Exact))
	to := []any{&a, &b, &weight, &probability}
	for i := range scores {
		to = append(to, &scores[i])
	}
	for i := range outcomes {
		to = append(to, &outcomes[i])
	}
	known := map[string]linkage.Outcome{}
	for _, o := range []linkage.Outcome{linkage.Absent, linkage.Disagree, linkage.Agree} {
		known[o.String()] = o
	}
	at := 0
	err := l.Manifest.ReadLinkedTable(dir, LinkedEvidenceFile, EvidenceColumns(l.Filters, l.Exact), func(t *TableReader) error {
		n, err := t.Next(to...)
		for i := range n {
			x, y, ok := l.pair(a[i], b[i])
			if !ok || at == len(l.Result.Pairs) || l.Result.Pairs[at].A != x || l.Result.Pairs[at].B != y || math.IsNaN(weight[i]) {
				return l.damaged(dir)
			}
			at++
			for f := range scores {
				e.Scores[f] = append(e.Scores[f], float32(scores[f][i]))
			}
			for k := range outcomes {
				o, ok := known[outcomes[k][i]]
				if !ok {
					return l.damaged(dir)
				}
				e.Outcomes[k] = append(e.Outcomes[k], o)
			}
		}
		e.Weight, e.Probability = append(e.Weight, weight[:n]...), append(e.Probability, probability[:n]...)
		return err
	})
	if err == nil && at != len(l.Result.Pairs) {
		err = l.damaged(dir)
	}
	l.Result.Evidence = e
	return err
}
