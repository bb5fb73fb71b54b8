package desk

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// homeAndAnnex is a site whose locations are Home and Annex, with administrators who are limited
// to Annex.
type homeAndAnnex struct {
	*world
	r      *rapid.T
	actors []Actor // somebody limited to Annex, and a token of theirs
	made   int     // by acts
	db     *sql.DB
}

// atHome are the readers at Home; the last one was removed.
var atHome = []string{"front", "back", "old"}

// TestNothingChangesElsewhere makes random acts of administrators who are limited to Annex, and
// compares what concerns the readers at Home after each.
func TestNothingChangesElsewhere(t *testing.T) {
	t.Parallel()
	m := &homeAndAnnex{world: beginning()}
	stage := sitetest.Once(func(dir, _ string) error {
		m.t, m.dir = t, dir
		newSite(t, dir)
		s := m.open()
		m.furnish()
		return s.Close()
	})
	did := map[string][2]int{} // done, and not, by name
	rapid.Check(t, func(r *rapid.T) {
		w := beginning()
		dir := filepath.Join(t.TempDir(), "site")
		stage(t, dir)
		w.t, w.dir, w.n, w.time = t, dir, m.n, m.time
		s := w.open()
		defer s.Close()
		now := &homeAndAnnex{world: w, r: r, actors: m.actors, db: sitetest.Database(t, dir)}
		defer now.db.Close()
		if one(now, "everyone", true, false, false, false) {
			w.policy(one(now, "opens", "front", "back"), func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: wire.Everyone}) })
		}
		before, epoch := now.elsewhere(), now.epoch()
		for range one(now, "acts", 4, 8, 12) {
			w.time = w.time.Add(time.Second)
			name, err := now.step()
			n := did[name]
			if err == nil {
				n[0]++
			} else {
				n[1]++
			}
			did[name] = n
			if after := now.elsewhere(); after != before {
				r.Fatalf("%s (%v) has changed something at Home:\n%s", name, err, differing(before, after))
			}
			is := now.epoch()
			if is != epoch && (name != "RemoveReader" || err != nil) { // of their own
				r.Fatalf("%s (%v) has begun epoch %d after %d", name, err, is, epoch)
			}
			epoch = is
			for _, o := range w.live.orders {
				if slices.Contains(atHome, o.Reader) {
					r.Fatalf("%s has sent an order to %s", name, o.Reader)
				}
			}
		}
	})
	done, refused := 0, 0 // kinds of acts
	for name, n := range did {
		t.Logf("%-20s %3d done, %3d not", name, n[0], n[1])
		done, refused = done+min(n[0], 1), refused+min(n[1], 1)
	}
	if done < 15 || refused < 15 {
		t.Errorf("of %d kinds of acts only %d were done, and %d not", len(did), done, refused)
	}
}

// epoch returns the site's epoch.
func (m *homeAndAnnex) epoch() (n uint64) {
	m.must(m.site.View(m.t.Context(), func(tx *store.Tx) error {
		e, err := tx.Epoch()
		n = e.Number
		return err
	}))
	return n
}

// differing returns the lines that two texts do not share.
func differing(before, after string) string {
	var lines []string
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return strings.Join(lines, "\n")
}

// furnish makes what there is to be changed.
func (m *homeAndAnnex) furnish() {
	ctx, owner := m.t.Context(), as(Owner)
	doors := map[string]int64{}
	for _, at := range [][3]string{{"front", "Home", "Front"}, {"back", "Home", "Back"}, {"old", "Home", "Old"}, {"gate", "Annex", "Gate"}, {"shed", "Annex", "Shed"}} {
		form := m.form(at[0])
		form.Place, form.Door, form.Access = at[1], at[2], []wire.Access{}
		_, err := m.Adopt(ctx, owner, form, func([]byte) error { return nil })
		m.must(err)
		doors[at[0]] = m.look(at[0]).DoorID
	}
	users := map[string]uint64{}
	for name, groups := range map[string][]string{"Staff": {"staff"}, "Both": {"both"}, "Crew": {"crew"}, "Nobody": nil, "Two": {"crew", "staff"}, "Old": {"old"}, "Mate": {"crew", "mates"}} {
		id, _, err := m.AddUser(ctx, owner, UserForm{First: name, Groups: groups}, PIN{}, []string{m.uid()})
		m.must(err)
		users[name] = id
	}
	for name, hours := range map[string]*wire.Schedule{"Home hours": officeHours(), "Shared": night(), "Annex hours": officeHours(), "Free": night()} {
		_, err := m.AddSchedule(ctx, owner, ScheduleForm{name, hours})
		m.must(err)
	}
	for reader, groups := range map[string][]string{"front": {"both", "staff"}, "back": {"both", "heads"}, "old": {"old"}, "gate": {"both", "crew"}, "shed": {"crew", wire.Everyone}} {
		m.policy(reader, func(p *wire.Policy) {
			p.PIN = true
			for _, group := range groups {
				p.Access = append(p.Access, wire.Access{Group: group})
			}
			p.InLockdown, p.Exempt = groups[:1], groups[len(groups)-1:]
		})
	}
	m.uses("front", "Home hours", HoursUse{What: AccessHours, Group: "staff"}, HoursUse{What: OpeningHours})
	m.uses("back", "Shared", HoursUse{What: AccessHours, Group: "both"})
	m.uses("gate", "Shared", HoursUse{What: AccessHours, Group: "both"})
	m.uses("shed", "Annex hours", HoursUse{What: AccessHours, Group: "crew"}, HoursUse{What: OpeningHours})
	m.must(m.TakeVisitors(ctx, owner, doors["front"], true))
	m.must(m.TakeVisitors(ctx, owner, doors["gate"], true))
	m.invite(m.visit(doors["front"], time.Hour))
	m.invite(m.visit(doors["gate"], time.Hour))
	both := m.visit(doors["front"], time.Hour)
	both.Doors = append(both.Doors, doors["gate"])
	m.invite(both)
	home, annex := m.location("Home"), m.location("Annex")
	m.setMode(Where{}, wire.ModeLocked, 0)
	m.setMode(Where{Locations, home}, wire.ModeLockdown, 0)
	m.setMode(Where{Doors, doors["back"]}, wire.ModeUnlocked, time.Hour)
	m.setMode(Where{Locations, annex}, wire.ModeUnlocked, time.Hour)
	for _, location := range []int64{home, annex} {
		hub, err := m.AddPlace(ctx, owner, Hubs, location, "Empty")
		m.must(err)
		_, err = m.AddPlace(ctx, owner, Doors, hub, "Empty")
		m.must(err)
	}
	_, err := m.RemoveReader(ctx, owner, "old", Returned)
	m.must(err)
	local := m.limitedTo(Super, annex)
	_, text, err := m.MakeToken(ctx, local, TokenForm{Name: "Program", Scopes: Scopes(), Days: 30})
	m.must(err)
	token, err := m.TokenActor(ctx, text, "192.0.2.1")
	m.must(err)
	m.actors = []Actor{local, token}
}

// elsewhere returns what concerns the readers at Home, as text.
func (m *homeAndAnnex) elsewhere() string {
	var b strings.Builder
	m.must(m.site.View(m.t.Context(), func(tx *store.Tx) error {
		locations, err1 := tx.Places(store.Locations)
		hubs, err2 := tx.Places(store.Hubs)
		doors, err3 := tx.Places(store.Doors)
		places, err4 := tx.ReaderPlaces()
		visited, err5 := tx.VisitedDoors()
		removed, err6 := tx.Removed()
		bundles, err7 := tx.Bundles()
		modes, err8 := tx.Modes(m.time.Unix())
		uses, err9 := tx.ScheduleUses()
		users, err10 := tx.Users()
		if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10); err != nil {
			return err
		}
		in := map[Where]bool{{}: true}
		show := func(l Level, p *store.Place) {
			in[Where{l, p.ID}] = true
			fmt.Fprintln(&b, l, *p, l == Doors && visited[p.ID])
		}
		for _, p := range locations {
			if p.Name == "Home" {
				show(Locations, p)
			}
		}
		for _, p := range hubs {
			if in[Where{Locations, p.Parent}] {
				show(Hubs, p)
			}
		}
		for _, p := range doors {
			if in[Where{Hubs, p.Parent}] {
				show(Doors, p)
			}
		}
		for _, bundle := range bundles {
			if slices.Contains(atHome, bundle.Reader) {
				fmt.Fprintln(&b, "bundle", bundle.Reader, bundle.Number)
			}
		}
		for _, mode := range modes {
			if in[whereOf(mode)] {
				fmt.Fprintln(&b, "mode", *mode)
			}
		}
		for _, use := range uses {
			if slices.Contains(atHome, use.Reader) {
				s, err := tx.Schedule(use.Schedule)
				if err != nil {
					return err
				}
				fmt.Fprintln(&b, "use", use, s.Name, HoursLine(s.Hours))
			}
		}
		for reader, at := range places {
			if (at.Place == "Home") != slices.Contains(atHome, reader) {
				fmt.Fprintln(&b, reader, "is at", at.Place)
			}
		}
		for _, reader := range atHome {
			p, err := tx.Policy(reader)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s %v %q %x\n", reader, *places[reader], removed[reader], wire.Marshal(p))
			for _, u := range users {
				is := *u
				is.Groups = slices.DeleteFunc(slices.Clone(u.Groups), func(group string) bool {
					return !slices.Contains(store.PolicyGroups(p), group)
				})
				if len(is.Groups) == 0 && !slices.Contains(store.PolicyGroups(p), wire.Everyone) {
					continue
				}
				fmt.Fprintf(&b, "%s lets in %+v\n", reader, is)
				credentials, err := tx.CredentialsOf(u.ID)
				if err != nil {
					return err
				}
				for _, c := range credentials {
					c.Tag = wire.Tag{} // which another epoch changes
					fmt.Fprintf(&b, "%s lets in %d %+v, exposed: %t\n", reader, u.ID, is.Wire(c), c.Exposed)
				}
			}
		}
		return nil
	}))
	return b.String()
}

// step makes one act.
func (m *homeAndAnnex) step() (name string, err error) {
	m.live.card, m.live.orders = []byte{4, 9, 9, 9, 9, 9, 9}, nil
	m.live.states = nil
	for _, id := range append(slices.Clone(atHome), "gate", "shed") {
		m.live.states = append(m.live.states, link.ReaderStatus{ID: id, Online: true})
	}
	m.present(m.blank())
	acts := m.acts()
	name = one(m, "act", slices.Sorted(maps.Keys(acts))...)
	return name, acts[name](m.t.Context(), one(m, "actor", m.actors...))
}

// one draws one of some values, each as likely as the others: rapid.SampledFrom prefers the
// first ones.
func one[T any](m *homeAndAnnex, name string, of ...T) T {
	return rapid.Custom(func(r *rapid.T) T {
		n := 0
		for range bits.Len(uint(len(of))) + 2 {
			n *= 2
			if rapid.Bool().Draw(r, "bit") {
				n++
			}
		}
		return of[n%len(of)]
	}).Draw(m.r, name)
}

// ids draws one of the ids that a query returns.
func ids[T any](m *homeAndAnnex, name, query string) (id T) {
	var all []T
	rows, err := m.db.Query(query)
	m.must(err)
	for rows.Next() {
		m.must(rows.Scan(&id))
		all = append(all, id)
	}
	m.must(rows.Err())
	return one(m, name, all...)
}

func (m *homeAndAnnex) place(l Level) int64 {
	return ids[int64](m, string(l), `SELECT id FROM `+map[Level]string{Locations: "locations", Hubs: "hubs", Doors: "doors"}[l]+` ORDER BY id`)
}

func (m *homeAndAnnex) where() Where {
	switch l := one(m, "level", "", Locations, Doors, Doors); l {
	case "":
		return Where{}
	default:
		return Where{l, m.place(l)}
	}
}

func (m *homeAndAnnex) someone() uint64 {
	return ids[uint64](m, "user", `SELECT id FROM users ORDER BY id`)
}

func (m *homeAndAnnex) aReader() string {
	return ids[string](m, "reader", `SELECT id FROM readers ORDER BY id`)
}

func (m *homeAndAnnex) aGroup() string {
	return one(m, "group", "staff", "both", "crew", "heads", "old", "mates", "new", "other", wire.Everyone)
}

func (m *homeAndAnnex) number() int64 {
	return ids[int64](m, "number", `SELECT number FROM groups ORDER BY number`)
}

func (m *homeAndAnnex) aSchedule() int64 {
	return ids[int64](m, "schedule", `SELECT id FROM schedules ORDER BY id`)
}

func (m *homeAndAnnex) aHoliday() int64 {
	return ids[int64](m, "holiday", `SELECT 0 UNION ALL SELECT id FROM holidays`) // they may remove all
}
