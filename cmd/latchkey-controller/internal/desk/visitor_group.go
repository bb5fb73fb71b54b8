package desk

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// checkGroup refuses a name that no group can have, or that is a group of visitors: people are
// in those by invitation only.
func checkGroup(name string) error {
	if site.IsVisitorGroup(name) {
		return wrong("groups", "The name %s is kept for visitors: choose another", name)
	}
	return wire.CheckName(name)
}

// ordinary returns groups without those of visitors.
func ordinary(groups []string) []string {
	if !slices.ContainsFunc(groups, site.IsVisitorGroup) {
		return groups
	}
	return slices.DeleteFunc(slices.Clone(groups), site.IsVisitorGroup)
}

// groupSays returns a group of a reader's policy as people read it: another group may be called
// visitors.
func groupSays(group string) *language.Sentence {
	if site.IsVisitorGroup(group) {
		return language.Say("invited visitors")
	}
	return language.Data(group)
}

// groupText returns it in English.
func groupText(group string) string { return groupSays(group).String() }

// IsVisitors says whether a group of a reader's policy is that of its door's visitors.
func IsVisitors(group string) bool { return site.IsVisitorGroup(group) }

// keepVisitors returns the edited list of who may open, with the visitors that were on it: only
// TakeVisitors changes those. Field: "access".
func keepVisitors(was, edited []wire.Access) ([]wire.Access, error) {
	isVisitors := func(a wire.Access) bool { return site.IsVisitorGroup(a.Group) }
	for _, a := range edited {
		if isVisitors(a) && (a.Schedule != nil || !slices.ContainsFunc(was, func(b wire.Access) bool { return a.Group == b.Group })) {
			return nil, wrong("access", "%s is a group of visitors: switch on at its door that they may be invited to it", a.Group)
		}
	}
	for _, a := range was {
		if isVisitors(a) && !slices.ContainsFunc(edited, func(b wire.Access) bool { return a.Group == b.Group }) {
			edited = append(slices.Clip(edited), a)
		}
	}
	return edited, nil
}
