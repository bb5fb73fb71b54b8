package console

import (
	"context"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// userActs are the acts on a user.
var userActs = []desk.Act{
	desk.EditUser, desk.RemoveUser, desk.SuspendUser, desk.ResumeUser, desk.SetPIN, desk.RemovePIN, desk.SetDuressPIN, desk.RemoveDuressPIN,
	desk.AddCard, desk.RemoveCard, desk.DropCard, desk.EnrolCard, desk.NewCard, desk.RekeyCard, desk.ReturnCard, desk.EndInvitation,
}

// nowhereActs are the acts besides those on a user that pages offer, and that need a location.
var nowhereActs = []desk.Act{
	desk.EditUsers, desk.AddGroup, desk.EditMembers, desk.GiveAccess, desk.TakeAccess, desk.RenameGroup, desk.RemoveGroup,
	desk.LockDown, desk.Evacuate, desk.SetMode, desk.EditSchedules, desk.EditPlaces, desk.AdoptReader, desk.MakeToken,
}

// readReach reads what the actor acts on, if they are limited to locations.
func (c *Console) readReach(ctx context.Context, v *visit) (err error) {
	if !v.Actor.Limited() {
		return nil
	}
	if v.reach, err = c.desk.Reach(ctx, v.Actor); err != nil || v.reach == nil {
		return err
	}
	if err := v.reach.Keys(); err != nil {
		v.refuse(err, desk.NewCard, desk.RekeyCard)
	}
	if err := v.reach.Newcomers(); err != nil {
		v.refuse(err, desk.AddUser, desk.InviteVisitor)
	}
	if len(v.reach.Locations) == 0 {
		v.refuse(desk.ErrNowhere, nowhereActs...)
	}
	return nil
}

// refuse has the page offer none of some acts.
func (v *visit) refuse(why error, acts ...desk.Act) {
	if v.refused == nil {
		v.refused = map[desk.Act]error{}
	}
	for _, act := range acts {
		v.refused[act] = why
	}
}

// beyond has the page offer none of some acts, and say why, if what it is about is out of the
// actor's reach.
func (v *visit) beyond(refusal error, acts ...desk.Act) {
	if refusal == nil {
		return
	}
	if slices.ContainsFunc(acts, v.Actor.May) {
		v.Beyond = language.Of(refusal).Alone()
		if !strings.Contains(v.Beyond.String(), "ask ") {
			v.Beyond = language.Say("%s %s", v.Beyond, language.Say("Ask an administrator of the whole site for changes."))
		}
	}
	v.refuse(refusal, acts...)
}

// Newcomers says why the page offers to add neither users nor visitors to somebody whose role may;
// nil: it does.
func (v *visit) Newcomers() *language.Sentence {
	if err := v.reach.Newcomers(); err != nil && v.Actor.May(desk.AddUser) {
		return language.Of(err).Alone()
	}
	return nil
}

// ElsewhereToo says whether a group opens doors that are out of the actor's reach.
func (v *visit) ElsewhereToo(group string) bool { return v.reach.Group(group) != nil }

// InReach says whether acts on a user are in the actor's reach.
func (v *visit) InReach(u *desk.UserRow) bool { return v.reach.User(u) == nil }

// Own returns the names of the locations of an actor who is limited to these; nil: there are none,
// or the actor is not limited.
func (v *visit) Own() *language.Sentence {
	if v.reach == nil || len(v.reach.Locations) == 0 {
		return nil
	}
	var names language.Several
	for _, l := range v.reach.Locations {
		names = append(names, l.Name)
	}
	return language.Say("%s", names)
}

// Whole names all on which the actor acts.
func (v *visit) Whole() *language.Sentence {
	if v.Actor.Limited() {
		return v.Own()
	}
	return language.Say("the whole site")
}

// MaySetAll says whether the actor may lock or unlock all doors on which they act.
func (v *visit) MaySetAll() bool {
	return v.May(string(desk.SetSiteMode)) || v.Actor.Limited() && v.May(string(desk.SetMode))
}

// WhyNotEnd says why the actor may not end a wanted mode; nil: they may.
func (v *visit) WhyNotEnd(w *desk.WantedMode) *language.Sentence {
	if v.Actor.Limited() && w.Where == (desk.Where{}) {
		return language.Say("it is for the whole site, and you are limited to some locations")
	}
	return v.WhyNot(string(desk.EndModeAct(w.Mode)))
}

// groupsToJoin returns the groups into which the actor may put users.
func (c *Console) groupsToJoin(ctx context.Context, v *visit) ([]string, error) {
	groups, err := c.desk.Groups(ctx, v.Actor)
	return slices.DeleteFunc(groups, func(group string) bool { return v.reach.Group(group) != nil }), err
}
