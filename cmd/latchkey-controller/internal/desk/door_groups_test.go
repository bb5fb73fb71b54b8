package desk

import (
	"testing"

	"latchkey/sync/wire"
)

// What is said of a door's groups is what is said of their members.
func TestAGroupOpensADoorAsItsMembersDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, user := w.reader(), w.user()
	w.must(w.EditUser(t.Context(), as(Owner), user, "", nil, func(f *UserForm) { f.Groups = []string{"staff"} }))
	_, err := w.SetPIN(t.Context(), as(Owner), user, PIN{Choice: Auto})
	w.must(err)
	w.must(w.AddCard(t.Context(), as(Owner), user, "04A1B2C3D4E581"))
	w.says(id, wire.ModeState{Mode: wire.ModeNormal})
	state := &w.live.states[0]
	state.State.Condition.ClockTrusted, state.Current = true, true
	closed := &wire.Schedule{Holiday: []wire.Span{{From: 0, To: 1}}}
	seen := map[string]bool{}
	for name, edit := range map[string]func(*wire.Policy){
		"always":           func(p *wire.Policy) {},
		"closed":           func(p *wire.Policy) { p.Access[0].Schedule = closed },
		"no PINs":          func(p *wire.Policy) { p.PIN = false },
		"both":             func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) },
		"both later":       func(p *wire.Policy) { p.TwoProofs = &wire.TwoProofs{Schedule: closed} },
		"both, and closed": func(p *wire.Policy) { p.TwoProofs, p.Access[0].Schedule = new(wire.TwoProofs), closed },
	} {
		for _, mode := range []wire.Mode{wire.ModeNormal, wire.ModeLocked, wire.ModeLockdown} {
			for _, exempt := range [][]string{nil, {"staff"}} {
				_, err := w.SetPolicy(t.Context(), as(Owner), id, 0, func(p *wire.Policy) {
					p.Access, p.PIN, p.TwoProofs, p.Exempt, p.InLockdown = []wire.Access{{Group: "staff"}}, true, nil, exempt, exempt
					edit(p)
				})
				w.must(err)
				state.State.Condition.Mode = &wire.ModeState{Mode: mode, Cause: wire.CauseWanted}
				state.State.PolicyRevision = w.look(id).Policy.Revision
				groups, members := w.look(id).GroupAccess(w.time), w.access(user)
				if len(groups) != 1 || len(members) != 1 {
					t.Fatalf("%s: %d groups, %d members", name, len(groups), len(members))
				}
				g, m := groups[0], members[0]
				if g.ByNow().String() != m.ByNow().String() || g.Not.String() != m.Not.String() || g.Never.String() != m.Never.String() || g.How().String() != m.How().String() || g.When().String() != m.When().String() {
					t.Errorf("%s in %s, exempt %v: the group %q %q %q %q, its member %q %q %q %q", name, mode, exempt, g.ByNow(), g.Not, g.Never, g.How(), m.ByNow(), m.Not, m.Never, m.How())
				}
				seen[g.ByNow().String()] = true
			}
		}
	}
	for _, how := range []string{"", "PIN or card", "card", "card and PIN", "card and PIN, the card first"} {
		if !seen[how] {
			t.Errorf("no group opens by %q", how)
		}
	}
}
