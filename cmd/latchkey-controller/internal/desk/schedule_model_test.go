package desk

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A modelSchedule is a schedule as the test expects it.
type modelSchedule struct {
	name  string
	hours *wire.Schedule
}

// Whatever is edited in whatever order: each reader's policy has exactly the hours of the
// schedules that it uses, its own hours elsewhere, and nothing else is changed.
func TestAnEditOfAScheduleChangesThoseHoursAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	var readers []string
	for range 3 {
		readers = append(readers, w.reader())
	}
	s, d := w.site, w.Desk
	must := func(err error) { t.Helper(); w.must(err) }
	fresh := map[string][]byte{}
	for _, id := range readers {
		p, err := d.Policy(ctx, owner, id)
		must(err)
		fresh[id] = wire.Marshal(p)
	}
	rapid.Check(t, func(t *rapid.T) {
		policies, named, schedules := map[string]*wire.Policy{}, map[string]map[HoursUse]int64{}, map[int64]*modelSchedule{}
		for _, id := range readers { // as the last check left them
			p, err := wire.ParsePolicy(fresh[id])
			must(err)
			_, err = d.SetPolicy(ctx, owner, id, 0, func(is *wire.Policy) { *is = *p })
			must(err)
			policies[id], named[id] = p, map[HoursUse]int64{}
		}
		all, err := d.Schedules(ctx, owner)
		must(err)
		for _, s := range all {
			must(d.RemoveSchedule(ctx, owner, s.ID))
		}
		anyReader := rapid.SampledFrom(readers)
		anyUse := rapid.SampledFrom([]HoursUse{{What: AccessHours, Group: "staff"}, {What: AccessHours, Group: wire.Everyone}, {What: OpeningHours}, {What: TwoProofsHours}})
		anySchedule := func(t *rapid.T) int64 {
			if len(schedules) == 0 {
				t.Skip("none")
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(schedules))).Draw(t, "schedule")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if len(schedules) >= 4 {
					t.Skip("enough")
				}
				m := &modelSchedule{rapid.StringMatching(`[A-Z][a-z]{6}`).Draw(t, "name"), anyHours(t)}
				for _, other := range schedules {
					if other.name == m.name {
						t.Skip("taken")
					}
				}
				id, err := d.AddSchedule(ctx, owner, ScheduleForm{m.name, m.hours})
				must(err)
				schedules[id] = m
			},
			"edit": func(t *rapid.T) {
				id := anySchedule(t)
				m := schedules[id]
				m.hours = anyHours(t)
				must(d.EditSchedule(ctx, owner, id, 0, func(f *ScheduleForm) { f.Hours = m.hours }))
				for reader, uses := range named {
					for use, schedule := range uses {
						if schedule == id {
							put(policies[reader], use, m.hours)
						}
					}
				}
			},
			"use": func(t *rapid.T) {
				id, reader, use := anySchedule(t), anyReader.Draw(t, "reader"), anyUse.Draw(t, "use")
				_, err := d.SetPolicy(ctx, owner, reader, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: use, Schedule: schedules[id].name})
				must(err)
				named[reader][use] = id
				put(policies[reader], use, schedules[id].hours)
			},
			"hours of its own": func(t *rapid.T) {
				reader, use, hours := anyReader.Draw(t, "reader"), anyUse.Draw(t, "use"), anyHours(t)
				_, err := d.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) { put(p, use, hours) }, UseSchedule{HoursUse: use})
				must(err)
				delete(named[reader], use)
				put(policies[reader], use, hours)
			},
			"other setting": func(t *rapid.T) {
				reader, limit := anyReader.Draw(t, "reader"), rapid.Uint8Range(1, 10).Draw(t, "limit")
				_, err := d.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) { p.Limit = limit })
				must(err)
				policies[reader].Limit = limit
			},
			"remove": func(t *rapid.T) {
				id := anySchedule(t)
				used := slices.ContainsFunc(readers, func(reader string) bool {
					return slices.Contains(slices.Collect(maps.Values(named[reader])), id)
				})
				if err := d.RemoveSchedule(ctx, owner, id); (err != nil) != used {
					t.Fatalf("used %v: %v", used, err)
				}
				if !used {
					delete(schedules, id)
				}
			},
			"": func(t *rapid.T) {
				must(s.View(ctx, func(tx *store.Tx) error {
					for _, reader := range readers {
						is, err := tx.Policy(reader)
						if err != nil {
							return err
						}
						want := *policies[reader]
						want.Revision = is.Revision
						if string(wire.Marshal(is)) != string(wire.Marshal(&want)) {
							t.Fatalf("%s:\n%+v\nnot\n%+v", reader, is, &want)
						}
						names, err := tx.ScheduleNames(reader)
						if err != nil {
							return err
						}
						used := map[HoursUse]string{}
						for use, id := range named[reader] {
							used[use] = schedules[id].name
						}
						if !maps.Equal(names, used) {
							t.Fatalf("%s uses %v, not %v", reader, names, used)
						}
					}
					return nil
				}))
			},
		})
		_, err = s.Check(ctx)
		must(err)
	})
}

// put puts hours into a policy.
func put(p *wire.Policy, use HoursUse, hours *wire.Schedule) {
	switch use.What {
	case OpeningHours:
		p.Opening = &wire.Opening{Schedule: *hours}
	case TwoProofsHours:
		p.TwoProofs = &wire.TwoProofs{Schedule: hours}
	default:
		access := wire.Access{Group: use.Group, Schedule: hours}
		if i := slices.IndexFunc(p.Access, func(a wire.Access) bool { return a.Group == use.Group }); i >= 0 {
			p.Access[i] = access
		} else {
			p.Access = append(p.Access, access)
		}
	}
}
