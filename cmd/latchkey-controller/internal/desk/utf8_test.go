package desk

import (
	"context"
	"testing"
	"unicode/utf8"
)

func TestNamesThatAreNotUTF8AreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const name = "Ad\xff"
	ctx, a := t.Context(), AtCommandLine("root")
	hook, door := w.hook(), w.look(w.reader()).DoorID
	hook.Name = name
	for what, do := range map[string]func(context.Context) error{
		"user": func(ctx context.Context) error {
			_, _, err := w.AddUser(ctx, a, UserForm{First: name}, PIN{}, nil)
			return err
		},
		"last name": func(ctx context.Context) error {
			_, _, err := w.AddUser(ctx, a, UserForm{First: "Ada", Last: name}, PIN{}, nil)
			return err
		},
		"group": func(ctx context.Context) error { _, err := w.AddGroup(ctx, a, name); return err },
		"place": func(ctx context.Context) error { _, err := w.AddPlace(ctx, a, Locations, 0, name); return err },
		"token": func(ctx context.Context) error {
			_, _, err := w.MakeToken(ctx, a, TokenForm{Name: name, Scopes: Scopes(), Days: 1})
			return err
		},
		"extra of an unlock": func(ctx context.Context) error {
			_, err := w.UnlockDoor(ctx, a, door, "", UnlockNote{Extra: []byte(`{"a":"` + name + `"}`)})
			return err
		},
		"webhook": func(ctx context.Context) error { _, _, err := w.AddWebhook(ctx, a, hook); return err },
		"schedule": func(ctx context.Context) error {
			_, err := w.AddSchedule(ctx, a, ScheduleForm{Name: name})
			return err
		},
	} {
		if err := do(ctx); err == nil || len(Fields(err)) == 0 || !utf8.ValidString(err.Error()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	page, err := w.Activity(ctx, a, Query{Limit: 100})
	w.must(err)
	for _, e := range page.Events {
		if !utf8.ValidString(e.Text.String()) {
			t.Errorf("%q", e.Text.String())
		}
	}
}
