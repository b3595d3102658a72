package main

import (
	"fmt"
	"math"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// Where records have several filters, or exact keys, a pair is weighed by all of them.
// This file carries them into the linkage, and what they said out of it.

// describe sets what link must know of the filters and exact keys, of which every file has the same.
func describe(o *linkage.Options, m *formats.FiltersManifest) {
	o.Length, o.Similarity = wholeWords(m.Filters[0].Bits), m.Filters[0].Similarity
	for _, f := range m.Filters[1:] {
		o.More = append(o.More, linkage.Filter{Name: f.Name, Length: wholeWords(f.Bits), Similarity: f.Similarity})
	}
	o.Exact = m.Exact
}

// wholeWords is the length at which a filter is stored: what is beyond its own is never set.
func wholeWords(bits int) int { return (bits + 63) / 64 * 64 }

// partyOf is what a file says of its party's records.
func partyOf(f *formats.FiltersFile) linkage.Party {
	p := linkage.Party{Name: f.Header.Party, Deduplicated: f.Manifest.Deduplicated, Bits: f.Bits[0], More: f.Bits[1:]}
	for _, id := range f.IDs {
		p.IDs = append(p.IDs, linkage.RecordID(id))
	}
	for _, keys := range f.Exact {
		of := make([]linkage.ExactKey, len(keys))
		for i, k := range keys {
			of[i] = linkage.ExactKey(k)
		}
		p.Exact = append(p.Exact, of)
	}
	return p
}

// evidenceOf is what the manifest says of how pairs were weighed; nil where there was one score to go by.
func evidenceOf(m *formats.FiltersManifest, res *linkage.Result) *formats.LinkedEvidence {
	e := res.Evidence
	if e == nil {
		return nil
	}
	weight := linkage.ScoreWeight(res.Score())
	out := &formats.LinkedEvidence{
		Weight: weight, Probability: linkage.WeightProbability(weight), Contradicted: e.Contradicted, Shared: e.Shared,
		Filters: []formats.LinkedFilter{}, Exact: []formats.LinkedExactKey{},
		Precision: finite(e.Expected.Precision), Recall: finite(e.Expected.Recall),
	}
	weighing := formats.LinkedWeighing(*e.Weighing)
	out.Weighing = &weighing
	for _, f := range m.Filters {
		out.Filters = append(out.Filters, formats.LinkedFilter{Name: f.Name, Bits: f.Bits, Encoding: f.Encoding, Similarity: f.Similarity})
	}
	for i, name := range m.Exact {
		out.Exact = append(out.Exact, formats.LinkedExactKey{Name: name, Agreement: e.Agreement[i]})
	}
	return out
}

// apart reports whether two estimates differ by more than 0.05; one that is missing differs from none.
func apart(x, y *float64) bool { return x != nil && y != nil && math.Abs(*x-*y) > 0.05 }

func figure(x *float64) string {
	if x == nil {
		return "not known"
	}
	return fmt.Sprintf("%.3f", *x)
}

func (l *linkRun) tellEvidence(m *formats.LinkedManifest) {
	e := m.Evidence
	if e == nil {
		return
	}
	ui := l.app.ui
	ui.resultf("evidence   %s and %s, weighed; at the threshold the weight is %.1f (in powers of two; 0 is even odds)\n", plural(len(e.Filters), "filter"), plural(len(e.Exact), "exact key"), e.Weight)
	if e.Contradicted > 0 {
		ui.warnf("%s agree on an exact key and on nothing else, and were not linked for it: the value of one of the two is wrong, or several people share it", plural(e.Contradicted, "pair"))
	}
	if e.Shared > 0 {
		ui.warnf("%s of exact keys are each shared by more than a hundred records, and were taken for missing", plural(e.Shared, "value"))
	}
	if apart(e.Precision, m.Estimate.Precision) || apart(e.Recall, m.Estimate.Recall) {
		ui.warnf("the weights alone make it precision %s and recall %s, far from the estimate: rely on neither before the least certain links have been looked at", figure(e.Precision), figure(e.Recall))
	}
}

// evidence writes what was said of each pair, in the order of the pairs.
func (w *linkedWriter) evidence() error {
	e := w.res.Evidence
	if e == nil {
		return nil
	}
	layout := &w.files[0].Manifest
	var filters []string
	for _, f := range layout.Filters {
		filters = append(filters, f.Name)
	}
	return w.table(formats.LinkedEvidenceFile, formats.EvidenceColumns(filters, layout.Exact), func(t *formats.TableWriter) error {
		for from := 0; from < len(w.res.Pairs); from += tableRows {
			if err := t.Append(w.evidenceRows(from, min(from+tableRows, len(w.res.Pairs)))...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *linkedWriter) evidenceRows(from, to int) []any {
	e := w.res.Evidence
	var a, b []string
	for _, p := range w.res.Pairs[from:to] {
		a = append(a, formats.RecordID(w.res.IDs[p.A]).String())
		b = append(b, formats.RecordID(w.res.IDs[p.B]).String())
	}
	columns := []any{a, b, e.Weight[from:to], e.Probability[from:to]}
	for _, scores := range e.Scores {
		var of []float64
		for _, s := range scores[from:to] {
			of = append(of, float64(s))
		}
		columns = append(columns, of)
	}
	for _, outcomes := range e.Outcomes {
		var of []string
		for _, o := range outcomes[from:to] {
			of = append(of, o.String())
		}
		columns = append(columns, of)
	}
	return columns
}
