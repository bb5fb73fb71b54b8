package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An attempt creates what an act needs, and returns the act.
type attempt func(w *world) func(ctx context.Context, a Actor) error

// attempts are the ways to do each act.
var attempts = map[Act][]attempt{
	ViewUsers: {
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Users(ctx, a, UserQuery{}); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Groups(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error {
			_, err1 := w.ListGroups(ctx, a, GroupQuery{})
			_, err2 := w.Group(ctx, a, wire.Everyone)
			_, err3 := w.Visitors(ctx, a, VisitQuery{})
			_, err4 := w.GroupNumbered(ctx, a, 1)
			_, err5 := w.AccessPolicies(ctx, a)
			_, err6 := w.AccessPolicy(ctx, a, 1)
			return errors.Join(err1, err2, err3, err4, err5, err6)
		}),
		act(func(w *world, ctx context.Context, a Actor) error {
			_, err := w.Elsewhere(ctx, a, UserForm{})
			return err
		}),
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			_, err := w.SelectUsers(ctx, a, Selection{Users: []uint64{id}})
			return err
		}),
		act(func(w *world, ctx context.Context, a Actor) error {
			_, err := w.PreviewUsersEdit(ctx, a, Selection{Query: UserQuery{Search: "nobody"}}, UsersEdit{Suspend: new(true)})
			return err
		}),
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			_, err := w.User(ctx, a, id)
			return err
		}),
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			_, err := w.FindUser(ctx, a, fmt.Sprint(id))
			return err
		}),
		act(func(w *world, ctx context.Context, a Actor) error {
			_, _, err1 := w.NumberedUsers(ctx, a, NumberedUsers{}, 0, 0)
			_, _, err2 := w.NumberedCards(ctx, a, 0, 0)
			return errors.Join(err1, err2)
		}),
		func(w *world) func(context.Context, Actor) error {
			_, card := w.card()
			return func(ctx context.Context, a Actor) error { _, err := w.Card(ctx, a, card); return err }
		},
	},
	ViewPlaces: {
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Places(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.VisitDoors(ctx, a); return err }),
		func(w *world) func(context.Context, Actor) error {
			r := w.look(w.reader())
			return func(ctx context.Context, a Actor) error {
				_, err1 := w.Door(ctx, a, r.DoorID)
				_, err2 := w.Hub(ctx, a, r.HubID)
				return errors.Join(err1, err2)
			}
		},
	},
	ViewReaders: {
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Readers(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Rollout(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Odds(ctx, a, "", nil); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.OddsAt(ctx, a, w.reader()); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.KeepDays(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Holidays(ctx, a); return err }),
		reader(func(w *world, ctx context.Context, a Actor, id string) error {
			_, err := w.OwnHolidays(ctx, a, id)
			return err
		}),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Theft(ctx, a); return err }),
		reader(func(w *world, ctx context.Context, a Actor, id string) error {
			_, err := w.Reader(ctx, a, id)
			return err
		}),
		reader(func(w *world, ctx context.Context, a Actor, id string) error {
			_, err := w.Policy(ctx, a, id)
			return err
		}),
		func(w *world) func(context.Context, Actor) error {
			id, name := w.schedule()
			return func(ctx context.Context, a Actor) error {
				_, err1 := w.Schedules(ctx, a)
				_, err2 := w.Schedule(ctx, a, id)
				_, err3 := w.FindSchedule(ctx, a, name)
				return errors.Join(err1, err2, err3)
			}
		},
	},
	ViewActivity: {
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Activity(ctx, a, Query{}); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Hours(ctx, a, 1, 24); return err }),
		act(func(w *world, ctx context.Context, a Actor) error {
			_, _, err := w.Records(ctx, a, store.Filter{}, 0, time.UTC)
			return err
		}),
	},
	ViewActs: {
		act(func(w *world, ctx context.Context, a Actor) error {
			_, err := w.Activity(ctx, a, Query{Kind: "admin"})
			return err
		}),
		act(func(w *world, ctx context.Context, a Actor) error {
			_, err := w.Activity(ctx, a, Query{Kind: "admin.user.add"})
			return err
		}),
	},
	AddUser: {act(func(w *world, ctx context.Context, a Actor) error {
		_, _, err := w.AddUser(ctx, a, UserForm{First: "Ada"}, PIN{}, []string{w.uid()})
		return err
	})},
	EditUser: {user(func(w *world, ctx context.Context, a Actor, id uint64) error { return w.SetUserGroups(ctx, a, id, nil) }), user(func(w *world, ctx context.Context, a Actor, id uint64) error {
		return w.EditUser(ctx, a, id, "", time.UTC, func(f *UserForm) { *f = UserForm{First: "Grace"} })
	}), func(w *world) func(context.Context, Actor) error {
		id := w.invite(w.visit(w.visited(), time.Hour))
		return func(ctx context.Context, a Actor) error {
			return w.EditVisit(ctx, a, id, func(f *VisitForm) { f.First = "Grace" })
		}
	}},
	ImportUsers: {act(func(w *world, ctx context.Context, a Actor) error {
		w.n++
		file := fmt.Appendf(nil, "first_name\nImported %d\n", w.n)
		preview, err := w.PreviewImport(ctx, as(Owner), file)
		w.must(err)
		_, err = w.ImportUsers(ctx, a, file, preview.Revision, nil)
		return err
	}), act(func(w *world, ctx context.Context, a Actor) error {
		_, err := w.PreviewImport(ctx, a, []byte("first_name\nAda\n"))
		return err
	})},
	ExportUsers: {act(func(w *world, ctx context.Context, a Actor) error {
		return w.ExportUsers(ctx, a, UserQuery{}, io.Discard)
	})},
	EditUsers: {user(func(w *world, ctx context.Context, a Actor, id uint64) error {
		these := Selection{Users: []uint64{id}}
		s, err := w.SelectUsers(ctx, as(Viewer), these)
		w.must(err)
		_, err = w.EditUsers(ctx, a, these, s.Revision, UsersEdit{Suspend: new(true)})
		return err
	})},
	EditMembers: {
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			w.n++
			return w.EditMembers(ctx, a, fmt.Sprint("group-", w.n), true, []uint64{id}, nil)
		}),
		group(func(w *world, ctx context.Context, a Actor, g *Group) error {
			return w.EditMembers(ctx, a, g.Name, false, []uint64{1}, nil)
		}),
		group(func(w *world, ctx context.Context, a Actor, g *Group) error {
			return w.EditMembersNumbered(ctx, a, g.Number, []uint64{1}, nil)
		}),
	},
	AddGroup: {act(func(w *world, ctx context.Context, a Actor) error {
		w.n++
		_, err := w.AddGroup(ctx, a, fmt.Sprint("made-", w.n))
		return err
	})},
	GiveAccess: {group(func(w *world, ctx context.Context, a Actor, g *Group) error {
		return w.GiveAccess(ctx, a, g.Name, g.AccessRevision(), []Where{{Doors, g.Access[0].DoorID}}, &wire.Schedule{Holiday: []wire.Span{{To: 60}}}, UseSchedule{})
	})},
	TakeAccess: {group(func(w *world, ctx context.Context, a Actor, g *Group) error {
		return w.TakeAccess(ctx, a, g.Name, g.AccessRevision(), []Where{{Doors, g.Access[0].DoorID}})
	})},
	SetAccess: {group(func(w *world, ctx context.Context, a Actor, g *Group) error {
		_, err := w.SetAccessPolicy(ctx, a, g.Number, AccessPolicyForm{Name: g.Name + "-new", Doors: []int64{g.Access[0].DoorID}, Always: true})
		return err
	}), act(func(w *world, ctx context.Context, a Actor) error {
		w.n++
		_, err := w.SetAccessPolicy(ctx, a, 0, AccessPolicyForm{Name: fmt.Sprint("made-", w.n)})
		return err
	})},
	RenameGroup: {group(func(w *world, ctx context.Context, a Actor, g *Group) error {
		return w.RenameGroup(ctx, a, g.Name, g.Revision(), g.Name+"-new")
	})},
	RemoveGroup: {group(func(w *world, ctx context.Context, a Actor, g *Group) error {
		return w.RemoveGroup(ctx, a, g.Name, g.Revision())
	})},
	SuspendUser: {user(func(w *world, ctx context.Context, a Actor, id uint64) error { return w.SuspendUser(ctx, a, id, true) })},
	ResumeUser: {func(w *world) func(context.Context, Actor) error {
		id := w.user()
		w.must(w.SuspendUser(w.t.Context(), as(Owner), id, true))
		return func(ctx context.Context, a Actor) error { return w.SuspendUser(ctx, a, id, false) }
	}},
	RemoveUser: {
		user(func(w *world, ctx context.Context, a Actor, id uint64) error { return w.RemoveUser(ctx, a, id) }),
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			if err := w.SuspendUser(ctx, as(Owner), id, true); err != nil {
				return err
			}
			return w.RemoveSuspendedUser(ctx, a, id)
		}),
	},
	SetPIN: {user(func(w *world, ctx context.Context, a Actor, id uint64) error {
		_, err := w.SetPIN(ctx, a, id, PIN{Choice: Auto})
		return err
	}), act(func(w *world, ctx context.Context, a Actor) error { _, err := w.DrawPIN(ctx, a); return err })},
	ViewDuress: {act(func(w *world, ctx context.Context, a Actor) error {
		return w.view(ctx, a, ViewDuress, func(*store.Tx) error { return nil })
	})},
	SetDuressPIN: {func(w *world) func(context.Context, Actor) error {
		id := w.withPIN()
		return func(ctx context.Context, a Actor) error {
			_, err := w.SetDuressPIN(ctx, a, id, PIN{Choice: Auto})
			return err
		}
	}},
	RemoveDuressPIN: {func(w *world) func(context.Context, Actor) error {
		id := w.underDuress()
		return func(ctx context.Context, a Actor) error { return w.RemoveDuressPIN(ctx, a, id) }
	}, func(w *world) func(context.Context, Actor) error {
		id := w.underDuress()
		return func(ctx context.Context, a Actor) error { _, err := w.SetDuressPIN(ctx, a, id, PIN{}); return err }
	}},
	RemovePIN: {func(w *world) func(context.Context, Actor) error {
		id := w.user()
		_, err := w.SetPIN(w.t.Context(), as(Owner), id, PIN{Choice: Auto})
		w.must(err)
		return func(ctx context.Context, a Actor) error { return w.RemovePIN(ctx, a, id) }
	}},
	InviteVisitor: {func(w *world) func(context.Context, Actor) error {
		form := w.visit(w.visited(), time.Hour)
		return func(ctx context.Context, a Actor) error { _, _, err := w.Invite(ctx, a, form); return err }
	}},
	EndInvitation: {func(w *world) func(context.Context, Actor) error {
		id := w.invite(w.visit(w.visited(), time.Hour))
		return func(ctx context.Context, a Actor) error { return w.EndInvitation(ctx, a, id) }
	}},
	TakeVisitors: {reader(func(w *world, ctx context.Context, a Actor, id string) error {
		return w.TakeVisitors(ctx, a, w.look(id).DoorID, true)
	})},
	AddCard: {
		user(func(w *world, ctx context.Context, a Actor, id uint64) error { return w.AddCard(ctx, a, id, w.uid()) }),
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			w.n++
			w.live.card = []byte{4, 1, 2, 3, byte(w.n >> 8), byte(w.n), 7}
			e, err := w.Enrol(ctx, asOwner(a), id, "reader")
			if err != nil {
				return err
			}
			_, err = w.ConfirmCard(ctx, a, e.ID, e.LastFour)
			return err
		}),
		func(w *world) func(context.Context, Actor) error {
			_, card := w.card()
			id := w.user()
			return func(ctx context.Context, a Actor) error { return w.GiveCard(ctx, a, id, card, true) }
		},
	},
	RemoveCard: {func(w *world) func(context.Context, Actor) error {
		id, credential := w.card()
		return func(ctx context.Context, a Actor) error { return w.RemoveCard(ctx, a, id, credential) }
	}, func(w *world) func(context.Context, Actor) error {
		id, uid := w.user(), w.uid()
		w.must(w.AddCard(w.t.Context(), as(Owner), id, uid))
		return func(ctx context.Context, a Actor) error { return w.RemoveCardUID(ctx, a, id, uid) }
	}},
	EnrolCard: {
		user(func(w *world, ctx context.Context, a Actor, id uint64) error {
			w.live.card = []byte{4, 1, 2, 3, 4, 5, 6}
			_, err := w.Enrol(ctx, a, id, "reader")
			return err
		}),
	},
	ReadCard: {reader(func(w *world, ctx context.Context, a Actor, id string) error {
		_, err := w.readCard(ctx, a, id)
		return err
	})},
	DropCard: {user(func(w *world, ctx context.Context, a Actor, id uint64) error {
		w.live.card = []byte{4, 1, 2, 3, 4, 5, 6}
		read, err := w.Enrol(ctx, asOwner(a), id, "reader")
		if err != nil {
			return err
		}
		return w.DropCard(ctx, a, read.ID)
	})},
	NewCard: {user(func(w *world, ctx context.Context, a Actor, id uint64) error {
		w.present(w.blank())
		_, err := w.NewCard(ctx, a, id, "reader")
		return err
	})},
	RekeyCard: {keyedCard(func(w *world, ctx context.Context, a Actor, id, credential uint64) error {
		_, err := w.RekeyCard(ctx, a, id, credential, "reader")
		return err
	})},
	ReturnCard: {keyedCard(func(w *world, ctx context.Context, a Actor, id, credential uint64) error {
		_, err := w.ReturnCard(ctx, a, id, credential, "reader")
		return err
	})},
	SwitchPIN: {reader(func(w *world, ctx context.Context, a Actor, id string) error { return w.SwitchPIN(ctx, a, id, false) })},
	Unlock: {order(wire.Unlock), atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, _ int64) error {
		_, err := w.UnlockDoor(ctx, a, r.DoorID, "", UnlockNote{})
		return err
	})},
	Identify: {order(wire.Identify)},
	LockDown: {
		inMode(Where{}, wire.ModeLockdown, 0),
		inMode(Where{}, wire.ModeLockdown, time.Hour),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			_, err1 := w.SetMode(ctx, a, Where{Locations, l}, wire.ModeLockdown, 0)
			_, err2 := w.SetMode(ctx, a, Where{Doors, r.DoorID}, wire.ModeLockdown, 0)
			return errors.Join(err1, err2)
		}),
	},
	Evacuate: {inMode(Where{}, wire.ModeEvacuation, 0), act(func(w *world, ctx context.Context, a Actor) error {
		evacuation := true
		return w.SetEmergency(ctx, a, nil, &evacuation)
	})},
	SetSiteMode: {inMode(Where{}, wire.ModeUnlocked, time.Hour), inMode(Where{}, wire.ModeLocked, 0)},
	SetMode: {
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			_, err := w.SetMode(ctx, a, Where{Locations, l}, wire.ModeLocked, 0)
			return err
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			_, err := w.SetMode(ctx, a, Where{Doors, r.DoorID}, wire.ModeUnlocked, w.time.Add(time.Hour).Unix())
			return err
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, _ int64) error {
			return w.SetLockRule(ctx, a, r.DoorID, KeepLocked, 0)
		}),
	},
	EndLockdown: {ending(Where{}, wire.ModeLockdown, 0)},
	UndoMode: {func(w *world) func(context.Context, Actor) error {
		own := map[string]int64{}
		for _, name := range []string{as(Owner).Name, as(Super).Name, "Eve"} {
			same := as(Owner)
			same.Name = name
			id, err := w.SetMode(w.t.Context(), same, Where{}, wire.ModeLockdown, 0)
			w.must(err)
			own[same.Name] = id
		}
		return func(ctx context.Context, a Actor) error { return w.EndMode(ctx, a, own[a.Name]) }
	}},
	EndEvacuation: {ending(Where{}, wire.ModeEvacuation, 0)},
	EndMode:       {ending(Where{}, wire.ModeLocked, 0)},
	EndEarly: {atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, _ int64) error {
		return w.SetLockRule(ctx, a, r.DoorID, LockNow, 0)
	}), func(w *world) func(context.Context, Actor) error {
		id := w.reader()
		_, err := w.SetPolicy(w.t.Context(), as(Owner), id, 0, func(p *wire.Policy) {
			p.Opening = &wire.Opening{Schedule: wire.Schedule{Week: []wire.Span{{Day: uint8(w.time.Weekday()), From: 0, To: 1440}}}}
		})
		w.must(err)
		return func(ctx context.Context, a Actor) error { return w.EndEarly(ctx, a, Where{Doors, w.look(id).DoorID}) }
	}},
	ExportActivity: {act(func(w *world, ctx context.Context, a Actor) error { return w.Export(ctx, a, Query{}, CSV, io.Discard) })},
	EditPolicy: {reader(func(w *world, ctx context.Context, a Actor, id string) error {
		_, err := w.SetPolicy(ctx, a, id, 0, func(p *wire.Policy) { p.Limit = 3 })
		return err
	}), func(w *world) func(context.Context, Actor) error {
		id := w.reader()
		_, name := w.schedule()
		return func(ctx context.Context, a Actor) error {
			_, err := w.SetPolicy(ctx, a, id, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: HoursUse{What: AccessHours, Group: "staff"}, Schedule: name})
			return err
		}
	}},
	EditHolidays: {
		reader(func(w *world, ctx context.Context, a Actor, _ string) error {
			w.n++
			return w.SetHolidays(ctx, a, []Holiday{{First: dayOf(2000+w.n, 12, 25), Last: dayOf(2000+w.n, 12, 25)}})
		}),
		reader(func(w *world, ctx context.Context, a Actor, _ string) error {
			w.n++
			_, err := w.AddHoliday(ctx, a, HolidayForm{Name: "Outing", First: fmt.Sprint(2000+w.n, "-05-28")})
			return err
		}),
		func(w *world) func(context.Context, Actor) error {
			id := w.holiday()
			return func(ctx context.Context, a Actor) error {
				w.n++
				return w.EditHoliday(ctx, a, id, 0, HolidayForm{Name: "Outing", First: fmt.Sprint(2000+w.n, "-05-28")})
			}
		},
		func(w *world) func(context.Context, Actor) error {
			id := w.holiday()
			return func(ctx context.Context, a Actor) error { return w.RemoveHoliday(ctx, a, id) }
		},
		func(w *world) func(context.Context, Actor) error {
			w.holiday()
			return func(ctx context.Context, a Actor) error { _, err := w.RemovePastHolidays(ctx, a); return err }
		},
		reader(func(w *world, ctx context.Context, a Actor, _ string) error {
			w.n++
			_, _, err := w.TakeHolidays(ctx, a, []Holiday{{Name: "Outing", First: dayOf(2000+w.n, 4, 1), Last: dayOf(2000+w.n, 4, 1), Event: "a"}})
			return err
		}),
	},
	EditSchedules: {
		act(func(w *world, ctx context.Context, a Actor) error {
			w.n++
			id, err := w.AddSchedule(ctx, a, ScheduleForm{fmt.Sprint("Schedule ", w.n), officeHours()})
			if err != nil {
				return err
			}
			return w.RemoveSchedule(ctx, a, id)
		}),
		func(w *world) func(context.Context, Actor) error {
			id, _ := w.schedule()
			return func(ctx context.Context, a Actor) error {
				return w.EditSchedule(ctx, a, id, 0, func(f *ScheduleForm) { f.Hours = &wire.Schedule{Holiday: []wire.Span{{From: 60, To: 120}}} })
			}
		},
		func(w *world) func(context.Context, Actor) error {
			id, _ := w.schedule()
			return func(ctx context.Context, a Actor) error { return w.RemoveSchedule(ctx, a, id) }
		},
	},
	EditPlaces: {
		act(func(w *world, ctx context.Context, a Actor) error {
			w.n++
			l, err := w.AddPlace(ctx, a, Locations, 0, fmt.Sprint("Location ", w.n))
			if err != nil {
				return err
			}
			return w.RemovePlace(ctx, a, Locations, l)
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			_, err := w.AddPlace(ctx, a, Hubs, l, "New hub")
			return err
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			_, err := w.AddPlace(ctx, a, Doors, r.HubID, "New door")
			return err
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			_, err := w.AddDoor(ctx, a, l, "Another door")
			return err
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.EditPlace(ctx, a, Doors, r.DoorID, "", func(p *PlaceForm) { p.Name, p.Location = "Other", l })
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.EditPlace(ctx, a, Locations, l, "", renamed(fmt.Sprint("Other ", r.ID)))
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.EditPlace(ctx, a, Hubs, r.HubID, "", renamed("Other"))
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.EditPlace(ctx, a, Doors, r.DoorID, "", renamed("Other"))
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.MoveReader(ctx, a, r.ID, "", r.DoorID)
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.EditPlace(ctx, a, Doors, r.DoorID, "", movedTo(r.HubID))
		}),
		atPlace(func(w *world, ctx context.Context, a Actor, r *Reader, l int64) error {
			return w.EditPlace(ctx, a, Doors, r.DoorID, "", func(p *PlaceForm) { p.Name, p.In = "Other", r.HubID })
		}),
		func(w *world) func(context.Context, Actor) error {
			r := w.look(w.reader())
			door, err := w.AddPlace(w.t.Context(), as(Owner), Doors, r.HubID, "Empty")
			w.must(err)
			return func(ctx context.Context, a Actor) error { return w.RemovePlace(ctx, a, Doors, door) }
		},
		func(w *world) func(context.Context, Actor) error {
			r := w.look(w.reader())
			h, err := w.Hub(w.t.Context(), as(Owner), r.HubID)
			w.must(err)
			hub, err := w.AddPlace(w.t.Context(), as(Owner), Hubs, h.Parent, "Empty "+r.ID)
			w.must(err)
			return func(ctx context.Context, a Actor) error { return w.RemovePlace(ctx, a, Hubs, hub) }
		},
	},
	AdoptReader: {
		func(w *world) func(context.Context, Actor) error {
			w.n++
			form := w.form(fmt.Sprint("new-", w.n))
			return func(ctx context.Context, a Actor) error {
				_, err := w.Adopt(ctx, a, form, func([]byte) error { return nil })
				return err
			}
		},
		func(w *world) func(context.Context, Actor) error {
			signed, _ := w.board()
			return func(ctx context.Context, a Actor) error { _, err := w.ReadRequest(ctx, a, signed); return err }
		},
		func(w *world) func(context.Context, Actor) error {
			w.n++
			forms := []AdoptForm{w.form(fmt.Sprint("one-", w.n)), w.form(fmt.Sprint("two-", w.n))}
			return func(ctx context.Context, a Actor) error {
				_, err := w.AdoptSeveral(ctx, a, forms, func(int, []byte) error { return nil })
				return err
			}
		},
		func(w *world) func(context.Context, Actor) error {
			forms := []AdoptForm{w.form("new")}
			return func(ctx context.Context, a Actor) error { _, err := w.CheckAdoptions(ctx, a, forms); return err }
		},
		func(w *world) func(context.Context, Actor) error {
			waits := w.waiting(w.t.Context())
			form := AdoptForm{Fingerprint: waits.Fingerprint, Door: "Back door", Access: []wire.Access{}}
			return func(ctx context.Context, a Actor) error { _, err := w.AdoptWaiting(ctx, a, waits.ID, form); return err }
		},
	},
	ViewWaiting: {
		func(w *world) func(context.Context, Actor) error {
			return func(ctx context.Context, a Actor) error { _, err := w.WaitingReaders(ctx, a); return err }
		},
		func(w *world) func(context.Context, Actor) error {
			waits := w.waiting(w.t.Context())
			return func(ctx context.Context, a Actor) error { _, err := w.WaitingReader(ctx, a, waits.ID); return err }
		},
	},
	RefuseReader: {
		func(w *world) func(context.Context, Actor) error {
			waits := w.waiting(w.t.Context())
			return func(ctx context.Context, a Actor) error { return w.RefuseWaiting(ctx, a, waits.ID, false) }
		},
	},
	RemoveReader: {
		reader(func(w *world, ctx context.Context, a Actor, id string) error {
			_, err := w.RemoveReader(ctx, a, id, Returned)
			return err
		}),
		reader(func(w *world, ctx context.Context, a Actor, id string) error {
			_, err := w.RemoveReader(ctx, a, id, Lost)
			return err
		}),
	},
	TakeBackReader: {
		func(w *world) func(context.Context, Actor) error {
			waits := w.waiting(w.t.Context())
			_, err := w.AdoptWaiting(w.t.Context(), as(Owner), waits.ID, AdoptForm{Fingerprint: waits.Fingerprint, Door: "Back door", Access: []wire.Access{}})
			w.must(err)
			return func(ctx context.Context, a Actor) error { return w.TakeBackAdoption(ctx, a, waits.ID, false) }
		},
	},
	SetBrokers: {
		reader(func(w *world, ctx context.Context, a Actor, id string) error {
			_, err := w.SetBrokers(ctx, a, BrokersForm{Reader: id, Brokers: w.brokers()})
			return err
		}),
		reader(func(w *world, ctx context.Context, a Actor, _ string) error {
			_, err := w.SetBrokers(ctx, a, BrokersForm{Brokers: w.brokers()})
			return err
		}),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Brokers(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Controllers(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Cells(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.CellReaders(ctx, a, 0); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.CellDoubts(ctx, a); return err }),
	},
	AddCell: {act(func(w *world, ctx context.Context, a Actor) error {
		w.n++
		_, err := w.AddCell(ctx, a, CellForm{Name: fmt.Sprint("added-", w.n), Brokers: fmt.Sprintf("ssl://added-%d.example", w.n)})
		if errors.Is(err, errCellsNeedPostgreSQL) { // whoever may is told so
			return nil
		}
		return err
	})},
	EditCell: {inCell(func(w *world, ctx context.Context, a Actor, _ string, id int64) error {
		_, err := w.EditCell(ctx, a, CellForm{ID: id, Name: fmt.Sprint("edited-", id), Brokers: fmt.Sprintf("ssl://edited-%d.example", id)})
		return err
	})},
	RemoveCell: {inCell(func(w *world, ctx context.Context, a Actor, _ string, id int64) error {
		return w.RemoveCell(ctx, a, id, 0)
	})},
	MoveReaders: {inCell(func(w *world, ctx context.Context, a Actor, reader string, id int64) error {
		_, err := w.MoveReaders(ctx, a, MoveForm{Readers: []string{reader}, Cell: id, Anyway: true})
		return err
	})},
	RenewBudget: {func(w *world) func(context.Context, Actor) error {
		r := w.tpmReader()
		r.says(wire.TPMState{Ref: r.budget().Ref, Budget: wire.Budget{Limit: 500}})
		asks := func() {
			w.n++
			r.says(wire.TPMState{Ref: r.budget().Ref, Nonce: wire.TPMNonce{byte(w.n)}})
		}
		asks()
		return func(ctx context.Context, a Actor) error {
			err := w.RenewBudget(ctx, a, r.id)
			if err == nil {
				asks()
			}
			return err
		}
	}},
	WriteGrant: {func(w *world) func(context.Context, Actor) error {
		r := w.tpmReader()
		return func(ctx context.Context, a Actor) error {
			_, err := w.WriteGrant(ctx, a, r.id, nil, func([]byte) error { return nil })
			return err
		}
	}},
	ViewTokens: {act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Tokens(ctx, a); return err })},
	MakeToken:  {act(func(w *world, ctx context.Context, a Actor) error { _, _, err := w.token(ctx, a); return err })},
	RevokeToken: {func(w *world) func(context.Context, Actor) error {
		id, _, err := w.token(w.t.Context(), as(Owner))
		w.must(err)
		return func(ctx context.Context, a Actor) error { return w.RevokeToken(ctx, a, id) }
	}},
	ViewBrokerClients: {act(func(w *world, ctx context.Context, a Actor) error { _, err := w.BrokerClients(ctx, a); return err })},
	AddBrokerClient: {brokerClient(func(w *world, ctx context.Context, a Actor, name string) error {
		return w.addBrokerClient(ctx, a, name+"-2")
	})},
	RemoveBrokerClient: {brokerClient(func(w *world, ctx context.Context, a Actor, name string) error {
		return w.RemoveBrokerClient(ctx, a, name)
	})},
	ViewMail: {act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Mail(ctx, a); return err })},
	EditMail: {
		act(func(w *world, ctx context.Context, a Actor) error { return w.mailTo(ctx, a, "ada@example.com") }),
		act(func(w *world, ctx context.Context, a Actor) error { return w.RemoveMail(ctx, a) }),
	},
	SendTestMail: {func(w *world) func(context.Context, Actor) error {
		w.must(w.mailTo(w.t.Context(), as(Owner), "ada@example.com"))
		return func(ctx context.Context, a Actor) error { return w.TestMail(ctx, a) }
	}},
	ViewWebhooks: {webhook(func(w *world, ctx context.Context, a Actor, id int64) error {
		_, err1 := w.Webhooks(ctx, a)
		_, err2 := w.WebhookHosts(ctx, a)
		_, err3 := w.Deliveries(ctx, a, id, "", 0, 0)
		return errors.Join(err1, err2, err3)
	})},
	AddWebhook: {act(func(w *world, ctx context.Context, a Actor) error {
		_, _, err := w.AddWebhook(ctx, a, w.hook())
		return err
	})},
	EditWebhook: {webhook(func(w *world, ctx context.Context, a Actor, id int64) error {
		return w.EditWebhook(ctx, a, id, "", func(f *WebhookForm) { f.Denied = !f.Denied })
	})},
	NewWebhookSecret: {webhook(func(w *world, ctx context.Context, a Actor, id int64) error {
		_, err := w.NewWebhookSecret(ctx, a, id)
		return err
	})},
	RemoveWebhook: {webhook(func(w *world, ctx context.Context, a Actor, id int64) error { return w.RemoveWebhook(ctx, a, id) })},
	TestWebhook:   {webhook(func(w *world, ctx context.Context, a Actor, id int64) error { return w.TestWebhook(ctx, a, id) })},
	ResendDelivery: {func(w *world) func(context.Context, Actor) error {
		id, _, err := w.AddWebhook(w.t.Context(), as(Owner), w.hook())
		w.must(err)
		w.must(w.TestWebhook(w.t.Context(), as(Owner), id))
		delivery := w.firstDelivery(id)
		return func(ctx context.Context, a Actor) error { return w.ResendDelivery(ctx, a, id, delivery) }
	}},
	AllowWebhookHost: {act(func(w *world, ctx context.Context, a Actor) error {
		_, err := w.AllowWebhookHost(ctx, a, "n8n.home:5678")
		return err
	})},
	ForbidWebhookHost: {func(w *world) func(context.Context, Actor) error {
		_, err := w.AllowWebhookHost(w.t.Context(), as(Owner), "n8n.home:5678")
		w.must(err)
		return func(ctx context.Context, a Actor) error { return w.ForbidWebhookHost(ctx, a, "n8n.home:5678") }
	}},
	ViewSignIn: {
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.SignInRules(ctx, a); return err }),
		act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Provider(ctx, a); return err }),
	},
	EditSignIn: {act(func(w *world, ctx context.Context, a Actor) error {
		rules, err := w.SignInRules(ctx, as(Owner))
		w.must(err)
		return w.SetPasskeyRoles(ctx, a, rules.Revision, nil)
	}), act(func(w *world, ctx context.Context, a Actor) error {
		p, err := w.Provider(ctx, as(Owner))
		w.must(err)
		return w.SetProvider(ctx, a, p.Revision, &Provider{Issuer: "https://login.example.com", Client: "doors", Claim: "groups", Roles: map[string]Role{"doors": Viewer}}, nil)
	}), func(w *world) func(context.Context, Actor) error {
		p, err := w.Provider(w.t.Context(), as(Owner))
		w.must(err)
		w.must(w.SetProvider(w.t.Context(), as(Owner), p.Revision, &Provider{Issuer: "https://login.example.com", Client: "doors", Claim: "groups", Roles: map[string]Role{"doors": Viewer}}, nil))
		return w.RemoveProvider
	}},
	ViewAdmins: {act(func(w *world, ctx context.Context, a Actor) error { _, err := w.Admins(ctx, a); return err })},
	AddAdmin: {
		act(func(w *world, ctx context.Context, a Actor) error {
			w.n++
			_, _, err := w.AddAdmin(ctx, a, fmt.Sprint("Admin ", w.n), Owner, nil)
			return err
		}),
	},
	EditAdmins: {
		admin(func(w *world, ctx context.Context, a Actor, id int64) error { return w.SetRole(ctx, a, id, Viewer) }),
		admin(func(w *world, ctx context.Context, a Actor, id int64) error { return w.RemoveAdmin(ctx, a, id) }),
		admin(func(w *world, ctx context.Context, a Actor, id int64) error { return w.SignOutAdmin(ctx, a, id) }),
		admin(func(w *world, ctx context.Context, a Actor, id int64) error {
			_, err := w.NewOneTimeLink(ctx, a, id)
			return err
		}),
	},
	EditSettings: {act(func(w *world, ctx context.Context, a Actor) error {
		return w.SetKeepDays(ctx, a, 30)
	}), act(func(w *world, ctx context.Context, a Actor) error {
		return w.SetGuessBudget(ctx, a, 300)
	}), act(func(w *world, ctx context.Context, a Actor) error {
		return w.HideFirstSteps(ctx, a)
	})},
	SetPINReaders: {act(func(w *world, ctx context.Context, a Actor) error { return w.SetPINReaders(ctx, a, true) })},
	SetTPMTrust: {
		func(w *world) func(context.Context, Actor) error {
			file := boardtest.NewTPMMaker(w.t, "Maker", nil, nil).PEM()
			return func(ctx context.Context, a Actor) error {
				_, err := w.AddTPMAuthorities(ctx, a, file)
				return err
			}
		},
		func(w *world) func(context.Context, Actor) error {
			maker := boardtest.NewTPMMaker(w.t, "Maker", nil, nil)
			_, err := w.AddTPMAuthorities(w.t.Context(), as(Owner), maker.PEM())
			w.must(err)
			return func(ctx context.Context, a Actor) error {
				return w.RemoveTPMAuthority(ctx, a, wire.Fingerprint(maker.Authority.Raw))
			}
		},
	},
	ConfirmClock: {act(func(w *world, ctx context.Context, a Actor) error { return w.ConfirmClock(ctx, a) })},
	SetZone: {act(func(w *world, ctx context.Context, a Actor) error {
		_, err := w.SetZone(ctx, a, ZoneForm{Zone: "Europe/Zurich"})
		return err
	})},
	Backup: {
		act(func(w *world, ctx context.Context, a Actor) error {
			postgrestest.SQLiteOnly(w.t)
			return w.WriteBackup(ctx, a, toRecipient(), io.Discard)
		}),
		act(func(w *world, ctx context.Context, a Actor) error {
			postgrestest.SQLiteOnly(w.t)
			return w.BackupTo(ctx, a, toRecipient(), filepath.Join(w.t.TempDir(), "backup"))
		}),
	},
	NewStorageKey: {act(func(w *world, ctx context.Context, a Actor) error {
		d := New(Options{Site: w.site, Clock: w.clock}) // where no controller runs
		if err := d.NewStorageKey(ctx, a); err != nil {
			return err
		}
		s, err := site.Open(ctx, w.dir)
		if err == nil {
			w.site = s
			w.t.Cleanup(func() { s.Close() })
		}
		return err
	})},
	MoveSite: {act(func(w *world, ctx context.Context, a Actor) error {
		d := New(Options{Site: w.site, Clock: w.clock}) // where no controller runs
		if _, err := d.MoveSite(ctx, a, postgrestest.Database(w.t)); err != nil {
			return err
		}
		s, err := site.Open(ctx, w.dir)
		if err == nil {
			w.site = s
			w.t.Cleanup(func() { s.Close() })
		}
		return err
	})},
	NewEpoch: {act(func(w *world, ctx context.Context, a Actor) error { _, err := w.NewEpoch(ctx, a); return err })},
}

func act(do func(*world, context.Context, Actor) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a) }
	}
}

// inCell attempts an act on a new cell, and perhaps a reader of another one.
func inCell(do func(w *world, ctx context.Context, a Actor, reader string, id int64) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		reader := w.reader()
		w.n++
		id := w.cell(fmt.Sprint("cell-", w.n))
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, reader, id) }
	}
}

func user(do func(*world, context.Context, Actor, uint64) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		id := w.user()
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, id) }
	}
}

// group is an attempt on a group with a member and a door.
func group(do func(*world, context.Context, Actor, *Group) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		g := w.group(w.user())
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, g) }
	}
}

func reader(do func(*world, context.Context, Actor, string) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		id := w.reader()
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, id) }
	}
}

func atPlace(do func(*world, context.Context, Actor, *Reader, int64) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		w.n++
		l, err := w.AddPlace(w.t.Context(), as(Owner), Locations, 0, fmt.Sprint("Building ", w.n))
		w.must(err)
		h, err := w.AddPlace(w.t.Context(), as(Owner), Hubs, l, "Hub")
		w.must(err)
		d, err := w.AddPlace(w.t.Context(), as(Owner), Doors, h, "Door")
		w.must(err)
		id := w.reader()
		w.must(w.MoveReader(w.t.Context(), as(Owner), id, "", d))
		r := w.look(id)
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, r, l) }
	}
}

func admin(do func(*world, context.Context, Actor, int64) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		w.n++
		id, _, err := w.AddAdmin(w.t.Context(), as(Owner), fmt.Sprint("Admin ", w.n), Editor, nil)
		w.must(err)
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, id) }
	}
}

func inMode(where Where, mode wire.Mode, lasts time.Duration) attempt {
	return act(func(w *world, ctx context.Context, a Actor) error {
		_, err := w.SetMode(ctx, a, where, mode, w.until(lasts))
		return err
	})
}

// until returns when a time from now is over, Unix seconds; 0 of 0.
func (w *world) until(d time.Duration) int64 {
	if d == 0 {
		return 0
	}
	return w.time.Add(d).Unix()
}

func ending(where Where, mode wire.Mode, lasts time.Duration) attempt {
	return func(w *world) func(context.Context, Actor) error {
		other := as(Owner)
		other.Name = "Somebody else"
		id, err := w.SetMode(w.t.Context(), other, where, mode, w.until(lasts))
		w.must(err)
		return func(ctx context.Context, a Actor) error { return w.EndMode(ctx, a, id) }
	}
}

// asOwner returns an actor as they were when they were an Owner.
func asOwner(a Actor) Actor {
	a.Role, a.session, a.limited = Owner, wire.Hash{}, false
	return a
}

func order(o wire.Order) attempt {
	return act(func(w *world, ctx context.Context, a Actor) error {
		_, err := w.Order(ctx, a, "reader", o)
		return err
	})
}

// mailTo has somebody be told by e-mail.
func (w *world) mailTo(ctx context.Context, a Actor, to string) error {
	before, err := w.Mail(ctx, as(Owner))
	if err != nil {
		return err
	}
	return w.SetMail(ctx, a, before.Revision, &MailSettings{Host: "mail.example.com", Port: 465, Security: MailTLS, Sender: "doors@example.com", Recipients: []string{to}, Notices: Notices()}, nil)
}
