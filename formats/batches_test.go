package formats

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// batchOf is a file of the party of someFilters with records of its own.
func batchOf(change func(*FiltersFile)) *FiltersFile {
	f := someFilters()
	f.Name, f.Header.Run = "batch.filters", strings.Repeat("1f", 16)
	for i := range f.IDs {
		f.IDs[i][15] = 0xff
	}
	f.Manifest.Records = len(f.IDs)
	if change != nil {
		change(f)
	}
	return f
}

func TestJoinBatches(t *testing.T) {
	first := batchOf(func(f *FiltersFile) { *f = *someFilters(); f.Name, f.Manifest.Records = "first.filters", 5 })
	batch := batchOf(func(f *FiltersFile) {
		// Another order of values, a value and a need of its own, and a need that it lacks.
		f.Manifest.Needs = []NeedLayout{{"age_band", NeedCategory, []string{`65 "&" over`, "18–64"}}, {"diabetes", NeedYesNo, []string{"no", "yes"}}}
		f.Needs = [][]uint16{{1, 2, 0, 1, 2}, {2, 1, 0, 2, 1}}
		f.Manifest.Created, f.Manifest.Weak = "2026-12-24", []string{"another reason"}
	})
	before := batchOf(func(f *FiltersFile) { *f = *someFilters(); f.Name, f.Manifest.Records = "first.filters", 5 })
	got, err := JoinBatches([]*FiltersFile{first, batch})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, before) {
		t.Error("the first file was changed")
	}
	m := got.Manifest
	if m.Records != 10 || m.SetAside != 4 || m.Created != "2026-12-24" || !slices.Equal(m.Weak, []string{"another reason", "pilot with invented people"}) || got.Header != first.Header {
		t.Errorf("the manifest is %+v", m)
	}
	if !slices.Equal(got.IDs, append(slices.Clone(first.IDs), batch.IDs...)) || len(got.Bits[0]) != 20 || len(got.Bits[1]) != 20 || len(got.Exact[0]) != 10 {
		t.Errorf("%d records with filters of %d and %d words", len(got.IDs), len(got.Bits[0]), len(got.Bits[1]))
	}
	// Of each record, each need by name and value.
	of := func(f *FiltersFile, i int) map[string]string {
		out := map[string]string{}
		for n, layout := range f.Manifest.Needs {
			if c := f.Needs[n][i]; c > 0 {
				out[layout.Name] = layout.Values[c-1]
			}
		}
		return out
	}
	for i := range got.IDs {
		from, at := first, i
		if i >= 5 {
			from, at = batch, i-5
		}
		if want := of(from, at); !reflect.DeepEqual(of(got, i), want) {
			t.Errorf("record %d needs %v, want %v", i, of(got, i), want)
		}
	}

	for _, c := range []struct {
		batch *FiltersFile
		want  string
	}{
		{first, "are the same file of party"},
		{batchOf(func(f *FiltersFile) { f.IDs[2] = first.IDs[2] }), "a batch holds new records only"},
		{batchOf(func(f *FiltersFile) { f.Manifest.Deduplicated = false }), "each person once"},
		{batchOf(func(f *FiltersFile) { f.Header.Key = strings.Repeat("0", 32) }), "different key fingerprints"},
	} {
		if _, err := JoinBatches([]*FiltersFile{first, c.batch}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("joined with error %v, want %q", err, c.want)
		}
	}
}
