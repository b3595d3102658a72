package overlap

import (
	"slices"
	"testing"
)

// Timing decides where the checkpoint is, so all a test can ask is that it is one of the
// candidates, for joins of every kind, and that a join large enough is timed at all.
func TestTune(t *testing.T) {
	const n = 4200 // n² is over tuneFrom
	sets := map[string]struct {
		words int
		rows  []uint64
	}{
		"people":    {16, people(1, n, 16, 24)},
		"all empty": {4, make([]uint64, n*4)},
		"all full":  {4, slices.Repeat([]uint64{^uint64(0)}, n*4)},
		"longer":    {33, people(1, n, 33, 40)},
	}
	eachKernel(t, func(t *testing.T) {
		for name, set := range sets {
			f, err := Prepare(set.words*64, set.rows)
			if err != nil {
				t.Fatal(err)
			}
			for _, threshold := range []string{"0.000000001", "0.8", "1"} {
				between, err := Between(f, f, Dice(ratio(t, threshold)))
				if err != nil {
					t.Fatal(err)
				}
				within, err := Within(f, Dice(ratio(t, threshold)))
				if err != nil {
					t.Fatal(err)
				}
				for _, j := range []*Join{between, within} {
					if !slices.Contains(checkpoints(set.words), j.check) {
						t.Errorf("%s, threshold %s: checkpoint %d of %d words", name, threshold, j.check, set.words)
					}
					if g := j.guess(); g < 1 || g > set.words {
						t.Errorf("%s, threshold %s: guessed checkpoint %d of %d words", name, threshold, g, set.words)
					}
				}
			}
		}
	})
}

func BenchmarkTune(b *testing.B) {
	const n, words = 8192, 16
	rows := people(1, n, words, 24)
	f, err := Prepare(words*64, rows)
	if err != nil {
		b.Fatal(err)
	}
	j, err := Between(f, f, Dice(ratio(b, "0.85")))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j.tune()
	}
}
