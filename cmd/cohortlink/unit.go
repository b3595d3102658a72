package main

import (
	"errors"

	"cohortlink/formats"
)

// unit is what link knows of seals: who the unit is, whose signatures it trusts, and
// what it has linked before. Without an identity it takes files that are not sealed.
type unit struct {
	identity, partners, seenFile string // files
	older                        bool

	key     *formats.Identity
	trusted *formats.Partners
	seen    *formats.Seen
	app     *app
}

// open reads the unit's own files. p is nil when link was given no project file.
func (u *unit) open(a *app, p *formats.Project, project string) error {
	u.app = a
	if (u.identity == "") != (u.partners == "") {
		return usagef("name the unit's identity with --identity and its file of partners with --partners, both or neither")
	}
	if u.identity == "" {
		if p != nil && p.Unit != "" {
			return usagef("%s has its filters sealed: name the unit's identity with --identity and its file of partners with --partners", project)
		}
		return nil
	}
	var err error
	if u.key, err = a.readIdentity(u.identity); err != nil {
		return err
	}
	public := u.key.Public()
	if p != nil && (p.Unit != "" && p.Unit != public.Recipient.String() || p.UnitSigns != "" && p.UnitSigns != public.Signs.String()) {
		return errorf("%s is not the identity of the unit that %s names", u.identity, project)
	}
	if u.trusted, err = formats.ReadPartners(u.partners); err != nil {
		return err
	}
	if u.seenFile == "" {
		u.seenFile = seenBeside(u.identity)
	}
	u.seen, err = formats.ReadSeen(u.seenFile)
	return err
}

// read reads one filters file.
func (u *unit) read(path string) (*formats.FiltersFile, error) {
	if u.key != nil {
		return formats.OpenFilters(path, &formats.Opening{Identity: u.key, Trust: u.trusted.Trust})
	}
	f, err := formats.ReadFilters(path)
	if errors.Is(err, formats.ErrSealed) {
		return nil, errorf("%w\nname the unit's identity with --identity and its file of partners with --partners", err)
	}
	return f, err
}

// check refuses files that newer ones have replaced.
func (u *unit) check(files []*formats.FiltersFile) error {
	if u.key == nil {
		return nil
	}
	for _, f := range files {
		switch err := u.seen.Check(f); {
		case errors.Is(err, formats.ErrReplayed) && u.older:
			u.app.ui.warnf("%v", err)
		case errors.Is(err, formats.ErrReplayed):
			return errorf("%w\nto link it all the same, add --accept-older", err)
		case err != nil:
			return err
		}
	}
	return nil
}

// note ends a link: it writes down what has been linked, but for a file that was accepted although
// a newer one has replaced it: it has not become the newest.
func (u *unit) note(files []*formats.FiltersFile) error {
	if u.key == nil {
		u.app.ui.warnf("the filters were neither sealed nor signed: that they come from the parties they name is not known")
		return nil
	}
	for _, f := range files {
		if u.seen.Check(f) == nil {
			u.seen.Add(f)
		}
	}
	return replaceFile(u.seenFile, 0o600, u.seen.Text())
}

// recipient is whom the links of a party are sealed for; nil when its key is not known.
func (u *unit) recipient(party string) *formats.Recipient {
	if u.key == nil {
		return nil
	}
	public, _ := u.trusted.Of(party)
	if public.Recipient == nil {
		u.app.ui.warnf("party %q has no age key in %s: its links are not sealed", party, u.partners)
	}
	return public.Recipient
}

// linksName is what the files that go back are called.
func (u *unit) linksName() string {
	if u.key == nil {
		return "PARTY.csv"
	}
	return "PARTY.links"
}
