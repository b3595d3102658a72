package quality

// labels are what records carry, as numbers. A cause has two: one for the
// records that have it, one for those that have it and no other.
type labels struct {
	causes []string   // in order of first appearance
	groups [][]string // by dimension, in order of first appearance
	first  []int      // the label of the first group of a dimension
	n      int

	start []int // the labels of record i are list[start[i]:start[i+1]]
	list  []int32
}

// anyCause is the label of every record that has a cause.
const anyCause = 0

func (l *labels) cause(i int) int    { return 1 + i }
func (l *labels) alone(i int) int    { return 1 + len(l.causes) + i }
func (l *labels) group(d, i int) int { return l.first[d] + i }

// isAlone reports whether a label is of records with one cause only.
func (l *labels) isAlone(label int) bool {
	return label > len(l.causes) && label <= 2*len(l.causes)
}

func newLabels(f *Facts, records int) *labels {
	l := &labels{start: make([]int, records+1), groups: make([][]string, len(f.Groups)), first: make([]int, len(f.Groups))}
	number := make(map[string]int)
	for _, words := range f.Causes {
		for _, word := range words {
			if _, ok := number[word]; !ok {
				number[word] = len(l.causes)
				l.causes = append(l.causes, word)
			}
		}
	}
	l.n = 1 + 2*len(l.causes)
	of := make([][]int32, len(f.Groups))
	for d, dim := range f.Groups {
		l.first[d] = l.n
		known := make(map[string]int32)
		of[d] = make([]int32, records)
		for i, name := range dim.Of {
			if name == "" {
				name = NotKnown
			}
			g, ok := known[name]
			if !ok {
				g = int32(len(known))
				known[name] = g
				l.groups[d] = append(l.groups[d], name)
			}
			of[d][i] = g
		}
		l.n += len(known)
	}
	for i := range records {
		l.start[i] = len(l.list)
		if f.Causes != nil {
			l.addCauses(f.Causes[i], number)
		}
		for d := range of {
			l.list = append(l.list, int32(l.first[d])+of[d][i])
		}
	}
	l.start[records] = len(l.list)
	return l
}

// addCauses gives the record at hand its causes. A word that is there twice counts once.
func (l *labels) addCauses(words []string, number map[string]int) {
	at := len(l.list)
next:
	for _, word := range words {
		label := int32(l.cause(number[word]))
		for _, had := range l.list[at:] {
			if had == label {
				continue next
			}
		}
		l.list = append(l.list, label)
	}
	switch len(l.list) - at {
	case 0:
		return
	case 1:
		l.list = append(l.list, l.list[at]+int32(len(l.causes)))
	}
	l.list = append(l.list, anyCause)
}

// tally has, for every slot, the number of pairs inside groups, and the sum over
// groups of the squares of that number.
type tally struct {
	sum     []int
	squares []float64
}

func (t *tally) add(slot, pairs int) {
	t.sum[slot] += pairs
	t.squares[slot] += float64(pairs) * float64(pairs)
}

// tallier counts the pairs inside groups for all labels at once. Its slots are
// the labels, then all pairs, those without a cause, and those of each two
// parties.
type tallier struct {
	*counter
	*labels
	all, none, pairs int // slots

	carry   []int // by label and party: records of the set at hand; 0 between sets
	touched []int // places in carry that are not 0
	with    []int // by label: records of the set; 0 between sets
	inner   []int // by label: pairs inside one party to be taken off; 0 between sets
	found   []int // labels of which with is not 0
}

func newTallier(c *counter, l *labels) *tallier {
	return &tallier{counter: c, labels: l, all: l.n, none: l.n + 1, pairs: l.n + 2,
		carry: make([]int, l.n*len(c.in)), with: make([]int, l.n), inner: make([]int, l.n)}
}

// pair is the slot of two parties, i not above j.
func (t *tallier) pair(i, j int) int { return t.pairs + i*len(t.in) + j }

func (t *tallier) tally(g groups) tally {
	slots := t.pairs + len(t.in)*len(t.in)
	out := tally{make([]int, slots), make([]float64, slots)}
	for _, set := range g {
		if len(set) > 1 {
			t.count(set)
			t.tallySet(set, &out)
			t.forget()
		}
	}
	return out
}

func (t *tallier) tallySet(set []int32, out *tally) {
	all := t.counted(len(set))
	if all == 0 {
		return
	}
	out.add(t.all, all)
	for a, i := range t.parties {
		if t.within {
			out.add(t.pair(int(i), int(i)), choose2(t.in[i]))
		}
		for _, j := range t.parties[a+1:] {
			out.add(t.pair(int(i), int(j)), t.in[i]*t.in[j])
		}
	}

	parties := len(t.in)
	for _, i := range set {
		for _, label := range t.list[t.start[i]:t.start[i+1]] {
			at := int(label)*parties + int(t.party[i])
			if t.carry[at] == 0 {
				t.touched = append(t.touched, at)
			}
			t.carry[at]++
			if t.with[label] == 0 {
				t.found = append(t.found, int(label))
			}
			t.with[label]++
		}
	}
	// brought is how many pairs the k records of a label bring to a set of n records,
	// caused of which have a cause: their pairs among themselves and with the others.
	// The others of a cause alone are the records without any cause.
	brought := func(label, n, caused, k int) int {
		if t.isAlone(label) {
			free := n - caused
			return choose2(free+k) - choose2(free)
		}
		return choose2(n) - choose2(n-k)
	}
	if !t.within {
		for _, at := range t.touched {
			label, p := at/parties, at%parties
			t.inner[label] += brought(label, t.in[p], t.carry[anyCause*parties+p], t.carry[at])
		}
	}
	caused := 0
	for _, label := range t.found {
		pairs := brought(label, len(set), t.with[anyCause], t.with[label]) - t.inner[label]
		if label == anyCause {
			caused = pairs
		}
		out.add(label, pairs)
	}
	out.add(t.none, all-caused)

	for _, at := range t.touched {
		t.carry[at] = 0
	}
	for _, label := range t.found {
		t.with[label], t.inner[label] = 0, 0
	}
	t.touched, t.found = t.touched[:0], t.found[:0]
}
