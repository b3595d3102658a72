package main

import (
	"fmt"
	"strconv"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing"
)

// filtersOf are the filters that a project's encoding names or spells out.
func filtersOf(e *formats.ProjectEncoding) ([]hashing.Filter, error) {
	if len(e.Filters) == 0 {
		filters := hashing.Profile(e.Profile)
		if filters == nil {
			return nil, errorf("profile %q is not in this version of cohortlink: use \"standard\" or \"high\"", e.Profile)
		}
		if e.Length > 0 {
			filters[0].Length = e.Length
		}
		return filters, nil
	}
	var out []hashing.Filter
	for _, f := range e.Filters {
		length := f.Length
		if length == 0 {
			length = hashing.DefaultLength
			if f.Sketch > 0 {
				length = hashing.DefaultSketchLength
			}
		}
		out = append(out, hashing.Filter{Name: f.Name, Fields: f.Fields, Length: length,
			Fill: f.Fill, Fold: f.Fold, Rule90: f.Rule90, Balance: f.Balance, Noise: f.Noise, Hashes: f.Sketch})
	}
	return out, nil
}

// layoutsOf says of a schema's filters what the unit is told of them.
func layoutsOf(s *hashing.Schema) []formats.FilterLayout {
	var out []formats.FilterLayout
	for i := range s.Filters {
		f := &s.Filters[i]
		l := formats.FilterLayout{Name: f.Name, Bits: f.Bits(), Encoding: f.Encoding(), Similarity: f.Similarity()}
		if f.Household {
			l.Role = formats.RoleHousehold
		}
		out = append(out, l)
	}
	return out
}

// encodingInWords says what an encoding's name stands for: the name itself where this
// version does not know it.
func encodingInWords(encoding string) string {
	steps := strings.Fields(encoding)
	if len(steps) == 0 {
		return encoding
	}
	words := ""
	switch steps[0] {
	case "bloom/1":
		words = "a keyed Bloom filter"
	case formats.CLKsEncoding:
		return "a CLK as clkhash makes it, not hardened"
	case "sketch/1":
		words = "a keyed majority-XOR sketch"
	default:
		return encoding
	}
	for _, step := range steps[1:] {
		name, value, _ := strings.Cut(step, ":")
		switch name {
		case "hashes":
			words += ", " + value + " hashes"
		case "fold":
			words += ", folded " + times(value)
		case "rule90":
			words += ", rule 90"
		case "balance":
			words += ", balanced under the key"
		case "noise":
			words += ", " + shareInWords(value) + " of bits replaced by fair coins"
		default:
			return encoding
		}
	}
	if len(steps) == 1 && steps[0] == "bloom/1" {
		words += ", not hardened"
	}
	return words
}

// similarityInWords says how two filters are compared.
func similarityInWords(similarity string) string {
	parts := strings.Split(similarity, ":")
	switch {
	case similarity == "dice":
		return "compared by the Dice coefficient"
	case parts[0] == "noise" && len(parts) == 2:
		return "compared by the bits in common, from which the Dice coefficient before noise is estimated"
	case parts[0] == "xor" && (len(parts) == 3 || len(parts) == 4):
		return fmt.Sprintf("compared by the bits that differ, from which the Dice coefficient before hardening is estimated: each bit is the XOR of %s, of a filter %s full", parts[1], shareInWords(parts[2]))
	case parts[0] == "sketch" && len(parts) == 2:
		return "compared by the bits that differ, from which the cosine of their tokens is estimated"
	}
	return "compared by " + similarity
}

func times(n string) string {
	switch n {
	case "1":
		return "once"
	case "2":
		return "twice"
	}
	return n + " times"
}

func shareInWords(share string) string {
	x, err := strconv.ParseFloat(share, 64)
	if err != nil {
		return share
	}
	return strconv.FormatFloat(100*x, 'g', 4, 64) + " %"
}
