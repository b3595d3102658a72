package cohort

import "math"

// A bounded simplex that starts where the truth is.
//
// The textbook way to find how large a hidden figure can be is to hand all
// constraints to a solver, which first looks for any feasible point (phase one)
// and then for the best. Here a feasible point is known: the truth. So every
// variable is a change from the truth, all changes start at 0, and the solver
// only ever walks from one possible world to another. Two things follow. It can
// stop as soon as a world is far enough, which for a figure that is safe is
// after a few steps; and each world on the way can be checked by adding it up,
// so that a rounding error in here can hide too much but never too little.
//
// In the words of Chvátal, Linear Programming (1983), chapter 8: columns are
// nonbasic at any value between their bounds, not only at one of them; one that
// is in between may move either way. The basis inverse is kept dense, but for columns that
// no step has changed yet: programs here have some tens to some hundreds of rows. (gonum's dense simplex was seen
// to take seconds a program at seven parties.)

// program is a linear program over changes of the number of persons of each
// atom (columns) and of the figures (rows). Row i is the sum of the columns
// that name it. Variable j < len(cols) is a column, variable len(cols)+i row i.
type program struct {
	cols      [][]int32 // ascending rows of each column
	rows      int
	low, high []float64 // of each variable; low <= 0 <= high; infinities allowed

	// Scratch, kept between calls.
	value   []float64
	inverse []float64 // rows x rows, column by column: those of moved only
	moved   []bool    // column of inverse -> it is no longer that of a negative identity
	dual    []float64 // the target's row of inverse
	basis   []int     // variable of each basis row
	from    int       // where choose goes on
	place   []int     // basis row of each variable, -1 when nonbasic
	alpha   []float64
	used    []int32

	spent *int // counts the work that is done: variables of each step, some 10 ns each
}

const (
	pivotTolerance = 1e-7
	priceTolerance = 1e-7
	stepTolerance  = 1e-9
	maxPivots      = 5000
	stretch        = 200 // variables that choose looks at together
	patience       = 30  // steps without progress before Bland's rule
)

func newProgram(cols [][]int32, rows int) *program {
	n := len(cols) + rows
	return &program{
		cols: cols, rows: rows,
		low: make([]float64, n), high: make([]float64, n),
		value: make([]float64, n), inverse: make([]float64, rows*rows), moved: make([]bool, rows), dual: make([]float64, rows),
		basis: make([]int, rows), place: make([]int, n), alpha: make([]float64, rows),
		spent: new(int),
	}
}

// push moves variable target up (sign 1) or down (sign -1) from 0 until it has
// moved by goal, or can move no further. It returns how far it got; p.value
// then holds the changes of all variables. When it fell short, stops holds the
// variables whose bounds are in the way.
func (p *program) push(target int, sign, goal float64) (moved float64, stops []int) {
	n := len(p.cols)
	clear(p.value)
	clear(p.moved)
	p.from = 0
	for j := range n {
		p.place[j] = -1
	}
	for i := range p.rows {
		// Row i says: its columns minus its own variable are 0.
		p.basis[i], p.place[n+i] = n+i, i
	}
	idle := 0
	for range maxPivots {
		*p.spent += len(p.cols) + p.rows
		moved = sign * p.value[target]
		if moved >= goal-stepTolerance {
			return moved, nil
		}
		enter, price := p.choose(target, sign, idle > patience)
		if enter < 0 {
			return moved, p.stops(target, sign)
		}
		direction := 1.0
		if price < 0 {
			direction = -1
		}
		p.column(enter)
		step, leave := p.ratio(enter, direction)
		// The target moves by |price| for each unit of the entering variable.
		if enough := (goal - moved) / math.Abs(price); enough <= step {
			p.walk(enter, direction, enough)
			return sign * p.value[target], nil
		}
		if math.IsInf(step, 1) {
			return moved, nil // cannot be: the goal is finite and would have been met
		}
		p.walk(enter, direction, step)
		if step > stepTolerance {
			idle = 0
		} else {
			idle++
		}
		if leave >= 0 {
			p.pivot(enter, leave)
		}
	}
	return sign * p.value[target], p.stops(target, sign)
}

// price returns how fast the goal grows with a nonbasic variable.
func (p *program) price(j, target int, sign float64) float64 {
	d := 0.0
	if j == target {
		d = sign
	}
	if p.place[target] < 0 {
		return d
	}
	if j >= len(p.cols) {
		return d + sign*p.dual[j-len(p.cols)]
	}
	sum := 0.0
	for _, i := range p.cols[j] {
		sum += p.dual[i]
	}
	return d - sign*sum
}

// read sets dual to the target's row of the inverse, where it is in the basis.
func (p *program) read(target int) {
	at := p.place[target]
	if at < 0 {
		return
	}
	for i := range p.dual {
		p.dual[i] = p.entry(at, i)
	}
}

// entry returns an entry of the basis inverse.
func (p *program) entry(row, col int) float64 {
	switch {
	case p.moved[col]:
		return p.inverse[col*p.rows+row]
	case row == col:
		return -1
	}
	return 0
}

// choose picks a variable that helps: of the first stretch that has any, where it
// left off the last time, the one that helps most (Dantzig's rule over all of them
// takes fewer steps, and more time, as most of that goes into pricing); or with bland
// the first of all, which cannot go round in circles (Bland 1977).
func (p *program) choose(target int, sign float64, bland bool) (enter int, price float64) {
	p.read(target)
	enter = -1
	best := priceTolerance
	at := p.from
	if bland {
		at = 0
	}
	for k := range p.place {
		if k%stretch == 0 && enter >= 0 {
			break
		}
		j := at
		if at++; at == len(p.place) {
			at = 0
		}
		if p.place[j] >= 0 || p.low[j] == p.high[j] {
			continue
		}
		d := p.price(j, target, sign)
		if d <= best && d >= -best {
			continue
		}
		if d > 0 && p.value[j] < p.high[j]-stepTolerance || d < 0 && p.value[j] > p.low[j]+stepTolerance {
			enter, price, best = j, d, math.Abs(d)
			if bland {
				return
			}
		}
	}
	p.from = at
	return
}

// stops lists the nonbasic variables that would help if their bounds let them.
func (p *program) stops(target int, sign float64) []int {
	p.read(target)
	var out []int
	for j := range p.value {
		if p.place[j] < 0 && math.Abs(p.price(j, target, sign)) > priceTolerance {
			out = append(out, j)
		}
	}
	return out
}

// column sets alpha to the basis inverse times a variable's column.
func (p *program) column(j int) {
	clear(p.alpha)
	if i := j - len(p.cols); i >= 0 {
		p.add(i, -1)
		return
	}
	for _, i := range p.cols[j] {
		p.add(int(i), 1)
	}
}

// add adds a column of the inverse to alpha, or takes it off.
func (p *program) add(i int, sign float64) {
	if !p.moved[i] {
		p.alpha[i] -= sign
		return
	}
	column := p.inverse[i*p.rows : (i+1)*p.rows]
	alpha := p.alpha[:len(column)]
	for r, v := range column {
		alpha[r] += sign * v
	}
}

// ratio returns how far the entering variable can move, and the basis row that
// stops it, or -1 when its own bound does. Of rows that stop it at about the
// same place, the one with the largest pivot is taken.
func (p *program) ratio(enter int, direction float64) (step float64, leave int) {
	step, leave = p.high[enter]-p.value[enter], -1
	if direction < 0 {
		step = p.value[enter] - p.low[enter]
	}
	pivot := 0.0
	for r, a := range p.alpha {
		rate := -direction * a
		var room float64
		j := p.basis[r]
		switch {
		case rate > pivotTolerance:
			room = (p.high[j] - p.value[j]) / rate
		case rate < -pivotTolerance:
			room = (p.low[j] - p.value[j]) / rate
		default:
			continue
		}
		room = math.Max(room, 0)
		if room < step-stepTolerance || room <= step+stepTolerance && leave >= 0 && math.Abs(a) > pivot {
			step, leave, pivot = math.Min(room, step), r, math.Abs(a)
		}
	}
	return step, leave
}

func (p *program) walk(enter int, direction, step float64) {
	p.value[enter] += direction * step
	for r, a := range p.alpha {
		if a != 0 {
			p.value[p.basis[r]] -= direction * step * a
		}
	}
}

// pivot puts the entering variable into the basis in place of row leave's.
func (p *program) pivot(enter, leave int) {
	m := p.rows
	out := p.basis[leave]
	// It left because it reached a bound: say so exactly.
	if math.Abs(p.value[out]-p.low[out]) < math.Abs(p.value[out]-p.high[out]) {
		p.value[out] = p.low[out]
	} else {
		p.value[out] = p.high[out]
	}
	p.basis[leave], p.place[enter], p.place[out] = enter, leave, -1
	p.used = p.used[:0]
	for r, a := range p.alpha {
		if r != leave && a != 0 {
			p.used = append(p.used, int32(r))
		}
	}
	scale := 1 / p.alpha[leave]
	for i := range m {
		v := p.entry(leave, i)
		if v == 0 {
			continue
		}
		column := p.inverse[i*m : (i+1)*m]
		if !p.moved[i] {
			p.moved[i] = true
			clear(column)
			column[i] = -1
		}
		v *= scale
		column[leave] = v
		for _, r := range p.used {
			column[r] -= p.alpha[r] * v
		}
	}
}
