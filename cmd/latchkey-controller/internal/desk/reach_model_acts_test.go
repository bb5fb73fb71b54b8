package desk

import (
	"context"
	"fmt"
	"io"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// acts are the acts that step draws from, by name, each to something that is drawn.
func (m *homeAndAnnex) acts() map[string]func(context.Context, Actor) error {
	type does = func(context.Context, Actor) error
	user := func(do func(context.Context, Actor, uint64) error) does {
		return func(ctx context.Context, a Actor) error { return do(ctx, a, m.someone()) }
	}
	reader := func(do func(context.Context, Actor, string) error) does {
		return func(ctx context.Context, a Actor) error { return do(ctx, a, m.aReader()) }
	}
	m.made++
	fresh := fmt.Sprint("made-", m.made)
	return map[string]does{
		"AddUser": func(ctx context.Context, a Actor) error {
			_, _, err := m.AddUser(ctx, a, UserForm{First: fresh, Groups: []string{m.aGroup(), m.aGroup()}}, PIN{}, []string{m.uid()})
			return err
		},
		"EditUser": user(func(ctx context.Context, a Actor, id uint64) error {
			return m.EditUser(ctx, a, id, "", nil, func(f *UserForm) {
				switch one(m, "what", "name", "groups", "until", "in") {
				case "name":
					f.First = fresh
				case "groups":
					f.Groups = []string{m.aGroup()}
				case "in":
					f.Groups = append(f.Groups, m.aGroup())
				default:
					f.Until = "2030-01-01"
				}
			})
		}),
		"EditUserAndSuspend": user(func(ctx context.Context, a Actor, id uint64) error {
			return m.EditUserAndSuspend(ctx, a, id, true, func(f *UserForm) { f.Extended = true })
		}),
		"SetUserGroups": user(func(ctx context.Context, a Actor, id uint64) error {
			return m.SetUserGroups(ctx, a, id, []int64{m.number(), m.number()})
		}),
		"SuspendUser": user(func(ctx context.Context, a Actor, id uint64) error {
			return m.SuspendUser(ctx, a, id, one(m, "on", true, false))
		}),
		"RemoveUser":          user(m.RemoveUser),
		"RemoveSuspendedUser": user(m.RemoveSuspendedUser),
		"EditUsers": func(ctx context.Context, a Actor) error {
			these := Selection{Users: []uint64{m.someone(), m.someone()}}
			s, err := m.SelectUsers(ctx, as(Owner), these)
			m.must(err)
			edit := UsersEdit{Suspend: new(true)}
			switch one(m, "what", "add", "remove", "until", "suspend") {
			case "add":
				edit = UsersEdit{Add: []string{m.aGroup()}}
			case "remove":
				edit = UsersEdit{Remove: []string{m.aGroup()}}
			case "until":
				edit = UsersEdit{Until: new("2031-01-01")}
			}
			_, err = m.EditUsers(ctx, a, these, s.Revision, edit)
			return err
		},
		"PIN": user(func(ctx context.Context, a Actor, id uint64) error {
			_, err := m.SetPIN(ctx, a, id, PIN{Choice: one(m, "PIN", Auto, NoPIN)})
			return err
		}),
		"AddCard": user(func(ctx context.Context, a Actor, id uint64) error { return m.AddCard(ctx, a, id, m.uid()) }),
		"RemoveCard": func(ctx context.Context, a Actor) error {
			id := ids[uint64](m, "credential", `SELECT id FROM credentials ORDER BY id`)
			return m.RemoveCard(ctx, a, ids[uint64](m, "of", fmt.Sprint(`SELECT user_id FROM credentials WHERE id = `, id)), id)
		},
		"GiveCard": user(func(ctx context.Context, a Actor, id uint64) error {
			return m.GiveCard(ctx, a, id, ids[uint64](m, "credential", `SELECT id FROM credentials ORDER BY id`), true)
		}),
		"Enrol": user(func(ctx context.Context, a Actor, id uint64) error {
			e, err := m.Enrol(ctx, one(m, "who", a, asOwner(a)), id, "gate")
			if err != nil {
				return err
			}
			_, err = m.ConfirmCard(ctx, a, e.ID, e.LastFour)
			return err
		}),
		"EnrolAt": reader(func(ctx context.Context, a Actor, id string) error {
			_, err := m.Enrol(ctx, a, m.someone(), id)
			return err
		}),
		"ReadCard": reader(func(ctx context.Context, a Actor, id string) error {
			read, err := m.ReadCard(ctx, a, id, func() {}, stillWanted)
			if err != nil {
				return err
			}
			return m.GiveCard(ctx, a, m.someone(), read.Credential, true)
		}),
		"NewCard": user(func(ctx context.Context, a Actor, id uint64) error {
			who := one(m, "who", a, asOwner(a))
			card, err := m.NewCard(ctx, who, id, one(m, "reader", "gate", "front"))
			if who.Role == Owner {
				m.live.orders = nil
			}
			if err != nil || card.Enrolment == nil {
				return err
			}
			_, err = m.ConfirmCard(ctx, a, card.Enrolment.ID, card.Enrolment.LastFour)
			return err
		}),
		"AddGroup": func(ctx context.Context, a Actor) error { _, err := m.AddGroup(ctx, a, m.aGroup()); return err },
		"EditMembers": func(ctx context.Context, a Actor) error {
			return m.EditMembers(ctx, a, m.aGroup(), one(m, "begins", true, false), []uint64{m.someone()}, []uint64{m.someone()})
		},
		"EditMembersNumbered": func(ctx context.Context, a Actor) error {
			return m.EditMembersNumbered(ctx, a, m.number(), []uint64{m.someone()}, []uint64{m.someone()})
		},
		"RenameGroup": func(ctx context.Context, a Actor) error { return m.RenameGroup(ctx, a, m.aGroup(), "", m.aGroup()) },
		"RemoveGroup": func(ctx context.Context, a Actor) error { return m.RemoveGroup(ctx, a, m.aGroup(), "") },
		"GiveAccess": func(ctx context.Context, a Actor) error {
			return m.GiveAccess(ctx, a, m.aGroup(), "", []Where{m.where(), m.where()}, nil, UseSchedule{ID: m.aSchedule()})
		},
		"TakeAccess": func(ctx context.Context, a Actor) error {
			return m.TakeAccess(ctx, a, m.aGroup(), "", []Where{m.where()})
		},
		"SetAccessPolicy": func(ctx context.Context, a Actor) error {
			form := AccessPolicyForm{Always: one(m, "always", true, false)}
			switch one(m, "what", "name", "doors", "none", "schedule", "all") {
			case "name":
				form.Name = m.aGroup()
			case "doors":
				form.Doors = []int64{m.place(Doors)}
			case "none":
				form.Doors = []int64{}
			case "schedule":
				form.Schedule = m.aSchedule()
			}
			_, err := m.SetAccessPolicy(ctx, a, m.number(), form)
			return err
		},
		"Invite": func(ctx context.Context, a Actor) error {
			form := m.visit(m.place(Doors), time.Hour)
			form.Doors = append(form.Doors, m.place(Doors))
			_, _, err := m.Invite(ctx, a, form)
			return err
		},
		"EditVisit": user(func(ctx context.Context, a Actor, id uint64) error {
			return m.EditVisit(ctx, a, id, func(f *VisitForm) {
				f.Until = m.time.Add(2 * time.Hour).Format(time.RFC3339)
				f.Doors = one(m, "doors", f.Doors, []int64{m.place(Doors)})
			})
		}),
		"EndInvitation": user(m.EndInvitation),
		"TakeVisitors": func(ctx context.Context, a Actor) error {
			return m.TakeVisitors(ctx, a, m.place(Doors), one(m, "take", true, false))
		},
		"SwitchPIN": reader(func(ctx context.Context, a Actor, id string) error {
			return m.SwitchPIN(ctx, a, id, one(m, "on", true, false))
		}),
		"SetPolicy": reader(func(ctx context.Context, a Actor, id string) error {
			var uses []UseSchedule
			if one(m, "uses", true, false) {
				uses = append(uses, UseSchedule{HoursUse: HoursUse{What: OpeningHours}, ID: m.aSchedule()})
			}
			_, err := m.SetPolicy(ctx, a, id, 0, func(p *wire.Policy) {
				switch one(m, "what", "groups", "place", "door", "limit") {
				case "groups":
					p.Access = append(p.Access, wire.Access{Group: m.aGroup()})
				case "place":
					p.Place = one(m, "place", "Home", "Annex", "Third")
				case "door":
					p.Place, p.Door = one(m, "place", "Home", "Annex"), one(m, "door", "Front", "Gate", "Empty", "Other")
				default:
					p.Limit = 3
				}
			}, uses...)
			return err
		}),
		"SetHolidays": func(ctx context.Context, a Actor) error {
			return m.SetHolidays(ctx, a, []Holiday{*epiphany(), *christmas()})
		},
		"AddHoliday": func(ctx context.Context, a Actor) error {
			_, err := m.AddHoliday(ctx, a, HolidayForm{Name: "Outing", First: "2027-05-28"})
			return err
		},
		"EditHoliday": func(ctx context.Context, a Actor) error {
			return m.EditHoliday(ctx, a, m.aHoliday(), 0, HolidayForm{Name: "Outing", First: "2027-05-29"})
		},
		"TakeHolidays": func(ctx context.Context, a Actor) error {
			_, _, err := m.TakeHolidays(ctx, a, []Holiday{*epiphany(), *christmas()})
			return err
		},
		"RemoveHoliday":      func(ctx context.Context, a Actor) error { return m.RemoveHoliday(ctx, a, m.aHoliday()) },
		"RemovePastHolidays": func(ctx context.Context, a Actor) error { _, err := m.RemovePastHolidays(ctx, a); return err },
		"AddSchedule": func(ctx context.Context, a Actor) error {
			_, err := m.AddSchedule(ctx, a, ScheduleForm{fresh, officeHours()})
			return err
		},
		"EditSchedule": func(ctx context.Context, a Actor) error {
			return m.EditSchedule(ctx, a, m.aSchedule(), 0, func(f *ScheduleForm) {
				f.Name, f.Hours = one(m, "name", f.Name, fresh), one(m, "hours", f.Hours, &wire.Schedule{Holiday: []wire.Span{{From: 60, To: 120}}})
			})
		},
		"RemoveSchedule": func(ctx context.Context, a Actor) error { return m.RemoveSchedule(ctx, a, m.aSchedule()) },
		"AddPlace": func(ctx context.Context, a Actor) error {
			l := one(m, "level", Locations, Hubs, Doors)
			in := int64(0)
			if l != Locations {
				in = m.place(levels[l].parent)
			}
			_, err := m.AddPlace(ctx, a, l, in, one(m, "name", fresh, "Empty"))
			return err
		},
		"AddDoor": func(ctx context.Context, a Actor) error {
			_, err := m.AddDoor(ctx, a, m.place(Locations), one(m, "name", fresh, "Empty"))
			return err
		},
		"EditPlace": func(ctx context.Context, a Actor) error {
			l := one(m, "level", Locations, Hubs, Doors)
			return m.EditPlace(ctx, a, l, m.place(l), "", func(f *PlaceForm) {
				f.Name = one(m, "name", f.Name, fresh, "Home", "Front")
				if l != Locations {
					f.In = one(m, "in", f.In, m.place(levels[l].parent))
				}
				if l == Doors {
					f.Location = one(m, "location", f.Location, m.place(Locations))
				}
			})
		},
		"RemovePlace": func(ctx context.Context, a Actor) error {
			l := one(m, "level", Locations, Hubs, Doors)
			return m.RemovePlace(ctx, a, l, m.place(l))
		},
		"MoveReader": reader(func(ctx context.Context, a Actor, id string) error {
			return m.MoveReader(ctx, a, id, "", m.place(Doors))
		}),
		"RemoveReader": reader(func(ctx context.Context, a Actor, id string) error {
			_, err := m.RemoveReader(ctx, a, id, one(m, "how", Returned, Lost))
			return err
		}),
		"AdoptWaiting": func(ctx context.Context, a Actor) error {
			waits := m.waiting(ctx)
			_, err := m.AdoptWaiting(ctx, a, waits.ID, AdoptForm{Reader: one(m, "reader", append(m.ids(), "")...), Fingerprint: waits.Fingerprint, Door: one(m, "door", "Front", "Gate", "Other"), Access: []wire.Access{}})
			return err
		},
		"RefuseWaiting": func(ctx context.Context, a Actor) error { return m.RefuseWaiting(ctx, a, m.waiting(ctx).ID, false) },
		"SetBrokers": reader(func(ctx context.Context, a Actor, id string) error {
			_, err := m.SetBrokers(ctx, a, BrokersForm{Reader: one(m, "reader", id, ""), Brokers: one(m, "brokers", "", "ssl://a.example ssl://b.example")})
			return err
		}),
		"MoveReaders": reader(func(ctx context.Context, a Actor, id string) error {
			_, err := m.MoveReaders(ctx, a, MoveForm{Readers: []string{id}, Cell: one(m, "cell", store.HomeCell, 2)})
			return err
		}),
		"EditCell": func(ctx context.Context, a Actor) error {
			_, err := m.EditCell(ctx, a, CellForm{ID: store.HomeCell, Name: one(m, "name", "main", "hall"), Brokers: "ssl://hall.example"})
			return err
		},
		"Order": reader(func(ctx context.Context, a Actor, id string) error {
			_, err := m.Order(ctx, a, id, one(m, "order", wire.Unlock, wire.Identify))
			return err
		}),
		"UnlockDoor": func(ctx context.Context, a Actor) error {
			_, err := m.UnlockDoor(ctx, a, m.place(Doors), one(m, "by", append(m.ids(), "", "", "")...), UnlockNote{})
			return err
		},
		"SetMode": func(ctx context.Context, a Actor) error {
			_, err := m.SetMode(ctx, a, m.where(), one(m, "mode", wire.ModeLocked, wire.ModeUnlocked, wire.ModeLockdown), m.time.Add(time.Hour).Unix())
			return err
		},
		"EndMode": func(ctx context.Context, a Actor) error {
			return m.EndMode(ctx, a, ids[int64](m, "mode", `SELECT id FROM modes ORDER BY id`))
		},
		"EndEarly": func(ctx context.Context, a Actor) error { return m.EndEarly(ctx, a, m.where()) },
		"SetLockRule": func(ctx context.Context, a Actor) error {
			return m.SetLockRule(ctx, a, m.place(Doors), one(m, "rule", KeepUnlocked, KeepLocked, UnlockFor, EndRule, LockEarly, LockNow), 5)
		},
		"SetModeOfAll": func(ctx context.Context, a Actor) error {
			_, err := m.SetModeOfAll(ctx, a, one(m, "mode", wire.ModeLocked, wire.ModeLockdown), 0)
			return err
		},
		"SetEmergency": func(ctx context.Context, a Actor) error {
			return m.SetEmergency(ctx, a, new(one(m, "lockdown", true, false)), new(one(m, "evacuation", true, false)))
		},
		"ImportUsers": func(ctx context.Context, a Actor) error {
			preview, err := m.PreviewImport(ctx, as(Owner), []byte("first_name,groups\nImported,staff\n"))
			m.must(err)
			_, err = m.ImportUsers(ctx, a, []byte("first_name,groups\nImported,staff\n"), preview.Revision, nil)
			return err
		},
		"ExportUsers": func(ctx context.Context, a Actor) error { return m.ExportUsers(ctx, a, UserQuery{}, io.Discard) },
	}
}

// ids returns the ids of readers that there are, or were.
func (m *homeAndAnnex) ids() []string { return append([]string{"gate", "shed"}, atHome...) }
