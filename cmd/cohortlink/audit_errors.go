package main

import (
	"math/rand/v2"
	"strings"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// Errors put into a copy of an extract, so that linking it with itself is a task. Values
// are canonical text (hashing/norm). Rates are of published differences between two
// records of one person, all of which are put into the one copy.

// An errorSetting is how often two records of one person differ, by kind of field.
type errorSetting struct {
	Name  string `json:"name"`
	Words string `json:"words"`
	rates map[norm.Kind]float64
	moved bool // postcodes differ because people move, not because they are misread
}

var errorSettings = []errorSetting{
	// CRATE, empirical_rates.sql, pairs of two well-run NHS systems with the same NHS number:
	// forenames differ on 2.36 %, surnames on 4.86 %, dates of birth on 0.49 % (the year on
	// 0.11 %), sex on 0.33 %, postcodes on 31.0 %. NHS numbers are missing in 2 to 7 % of
	// hospital records. For the other kinds nothing published was found: 5 %, assumed.
	{"well kept", "as between two well-run NHS systems", map[norm.Kind]float64{
		norm.Name: 0.036, norm.Date: 0.0049, norm.Year: 0.0011, norm.Sex: 0.0033, norm.Postcode: 0.31, norm.NHSNumber: 0.045,
		norm.UPRN: 0.05, norm.Phone: 0.05, norm.Text: 0.05, norm.Code: 0.05,
	}, true},
	// ONSBigData/synthetic4linkage, design row of the census test data: forenames differ on
	// 35 % of pairs, surnames on 32 %, day 15 %, month 13 %, year 13 %, sex 1 %, postcodes 4 %.
	{"scanned", "as from scanned forms", map[norm.Kind]float64{
		norm.Name: 0.335, norm.Date: 0.357, norm.Year: 0.13, norm.Sex: 0.01, norm.Postcode: 0.04, norm.NHSNumber: 0.12,
		norm.UPRN: 0.15, norm.Phone: 0.15, norm.Text: 0.15, norm.Code: 0.15,
	}, false},
}

// spoil returns a copy of a record with errors. others are records from which another
// value is drawn where a value is another altogether: a married name, a new address.
func (s *errorSetting) spoil(r *rand.Rand, fields []hashing.Field, record []string, others [][]string) []string {
	out := make([]string, len(record))
	for i, value := range record {
		out[i] = value
		if value == "" || r.Float64() >= s.rates[fields[i].Kind] {
			continue
		}
		another := others[r.IntN(len(others))][i]
		switch fields[i].Kind {
		case norm.Name, norm.Text:
			if r.IntN(2) == 0 {
				out[i] = mistype(r, value)
			} else {
				out[i] = another
			}
		case norm.Date:
			out[i] = misdate(r, value, another)
		case norm.Postcode:
			if s.moved {
				out[i] = another
			} else {
				out[i] = swapLast(value)
			}
		case norm.Sex, norm.Year:
			out[i] = another
		default:
			out[i] = "" // a number that was not known
		}
	}
	return out
}

// mistype makes one typing error: two neighbours exchanged, a letter left out, or one put
// in another's place.
func mistype(r *rand.Rand, s string) string {
	if len(s) < 2 {
		return s
	}
	at := r.IntN(len(s) - 1)
	switch r.IntN(3) {
	case 0:
		return s[:at] + s[at+1:at+2] + s[at:at+1] + s[at+2:]
	case 1:
		return s[:at] + s[at+1:]
	}
	return s[:at] + string(rune('A'+r.IntN(26))) + s[at+1:]
}

// misdate takes the year, the month or the day of another date, about as often each.
func misdate(r *rand.Rand, date, another string) string {
	if len(date) != 8 || len(another) != 8 {
		return date
	}
	switch r.IntN(3) {
	case 0:
		return another[:4] + date[4:]
	case 1:
		return date[:4] + another[4:6] + date[6:]
	}
	return date[:6] + another[6:]
}

// swapLast exchanges the last two letters of a postcode.
func swapLast(s string) string {
	n := len(s)
	if n < 2 || strings.TrimRight(s[n-2:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return s
	}
	return s[:n-2] + s[n-1:] + s[n-2:n-1]
}
