package audit

import (
	"context"
	"math/rand/v2"

	"cohortlink/linkage/overlap"
)

// dictionaryAttack encodes everybody whose values the attacker has, and takes the nearest
// encoding. Under a wrong key that is no better than guessing, and if it is, the key does
// not reach the bits. Under the right key it recovers everybody, whatever the encoding: it
// is run as a measure of what a lost key means.
func dictionaryAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (Outcome, error) {
	s, err := newScene(t, a, r)
	if err != nil {
		return Outcome{}, err
	}
	dictionary := &t.Own[0]
	if a.RightKey {
		dictionary = &t.Again
	}
	set, err := overlap.Prepare(dictionary.Bits, dictionary.some(s.known))
	if err != nil {
		return Outcome{}, err
	}
	v := views(t.Filters.Similarity)[0]
	words := t.Filters.Bits / 64
	found := make([]nearest, len(s.encoded))
	encoded := t.Filters.some(s.encoded)
	const run = 64
	err = parallel(ctx, (len(found)+run-1)/run, func(block int) error {
		from, to := block*run, min(len(found), (block+1)*run)
		counts := make([]uint16, (to-from)*set.Len())
		if err := set.Common(encoded[from*words:to*words], counts); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			found[i] = unseen
			p := ones(encoded[i*words:][:words])
			for at, c := range counts[(i-from)*set.Len():][:set.Len()] {
				row := set.Row(at)
				found[i].see(int32(row), float32(v.one(int(c), p, set.Ones(row), t.Filters.Bits)))
			}
		}
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	o := s.grade(found, nil)
	o.Variant = v.name
	return o, nil
}
