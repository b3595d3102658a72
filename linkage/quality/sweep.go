package quality

import "fmt"

// Point is what linking comes to at one threshold.
type Point struct {
	Threshold float64 `json:"threshold"`
	Scores
}

// Sweep scores linking at each threshold, in the order given. persons forms
// persons at a threshold: a number for each record, as in Records.Person; it may
// reuse its slice from call to call. r.Person is not read.
func Sweep(r Records, thresholds []float64, persons func(threshold float64) ([]int, error)) ([]Point, error) {
	points := make([]Point, 0, len(thresholds))
	for _, t := range thresholds {
		p, err := persons(t)
		if err != nil {
			return nil, fmt.Errorf("persons at threshold %v: %w", t, err)
		}
		r.Person = p
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("persons at threshold %v: %w", t, err)
		}
		points = append(points, Point{t, Score(r)})
	}
	return points, nil
}

// Best returns the point of the highest F1, and of several the one with the
// highest threshold, which links the least. It reports false if there is none.
// With the truth at hand it is what a threshold chosen without is held against.
func Best(points []Point) (best Point, ok bool) {
	for _, p := range points {
		if !ok || p.F1 > best.F1 || p.F1 == best.F1 && p.Threshold > best.Threshold {
			best, ok = p, true
		}
	}
	return best, ok
}
