package audit

import ("context";"math/rand/v2")

func anchorAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (o Outcome, err error) {return}
func graphAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (o Outcome, err error) {return}
func dictionaryAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (o Outcome, err error) {return}
func frequencyAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (o Outcome, err error) {return}
func patternAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (o Outcome, err error) {return}
func tokenAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (o Outcome, err error) {return}
