package formats

import (
	"reflect"
	"testing"

	"cohortlink/linkage"
)

func TestManifestOffsets(t *testing.T) {
	m := &LinkedManifest{Parties: []LinkedParty{{Name: "ccg"}, {Name: "council"}}}
	if o, err := m.Offsets(); o != nil || err != nil {
		t.Errorf("without offsets: %v, %v", o, err)
	}
	without := m.Linkage()
	o := linkage.Offsets{{0, 65}, {65, -30}}
	m.SetOffsets(o)
	if got, err := m.Offsets(); err != nil || !reflect.DeepEqual(got, o) {
		t.Errorf("%v came back as %v (%v) from %v", o, got, err, m.Threshold.Offsets)
	}
	if m.Linkage() == without {
		t.Error("a linkage with offsets passes for one without")
	}
	for _, bad := range []LinkedOffset{{[2]string{"ccg", "nobody"}, 0.1}, {[2]string{"ccg", "council"}, 2}} {
		m.Threshold.Offsets = []LinkedOffset{bad}
		if _, err := m.Offsets(); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
