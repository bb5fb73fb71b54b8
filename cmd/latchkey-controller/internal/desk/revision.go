package desk

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// revision returns what stands for the fields of a form as they were shown:
// another one says that somebody has changed one of them.
func revision(fields any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // they are texts and numbers
	}
	hash := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(hash[:16])
}

// meanwhile refuses a form that was filled in for something that has changed.
func meanwhile(what string) *FieldError {
	return wrong(what, fmt.Sprintf("Somebody changed this %s meanwhile; look at it again", what))
}

// minutes is how a form shows a time.
const minutes = "2006-01-02T15:04"

// formOf returns a user as a form shows them, with times in a zone.
func formOf(u *store.User, in *time.Location) UserForm {
	f := UserForm{First: u.First, Last: u.Last, Groups: u.Groups, Zone: in, Extended: u.Extended}
	if u.From != 0 {
		f.From = time.Unix(u.From, 0).In(f.Zone).Format(minutes)
	}
	if u.Until != 0 {
		f.Until = time.Unix(u.Until, 0).In(f.Zone).Format(minutes)
	}
	return f
}

// keep puts the user's exact times where the form says what was shown.
func (f *UserForm) keep(shown UserForm, u *store.User) {
	if f.From == shown.From && u.From != 0 {
		f.From = time.Unix(u.From, 0).UTC().Format(time.RFC3339)
	}
	if f.Until == shown.Until && u.Until != 0 {
		f.Until = time.Unix(u.Until, 0).UTC().Format(time.RFC3339)
	}
}

// Form returns the user as a form shows them, with times in a zone.
func (u *User) Form(in *time.Location) UserForm {
	row := &store.User{First: u.First, Last: u.Last, Groups: u.Groups, Extended: u.Extended}
	if !u.From.IsZero() {
		row.From = u.From.Unix()
	}
	if !u.Until.IsZero() {
		row.Until = u.Until.Unix()
	}
	return formOf(row, in)
}

// Revision stands for the form as it was shown.
func (f UserForm) Revision() string {
	return revision([]any{f.First, f.Last, f.Groups, f.From, f.Until, f.Extended})
}

// Revision stands for the form of a location as it was shown.
func (l *Location) Revision() string { return placeRevision(0, l.Name) }

// Revision stands for the form of a hub as it was shown.
func (h *Hub) Revision() string { return placeRevision(h.Location, h.Name) }

// Revision stands for the form of a door as it was shown.
func (d *Door) Revision() string { return placeRevision(d.Hub, d.Name) }

func placeRevision(parent int64, name string) string { return revision([]any{parent, name}) }

// PlaceRevision stands for where a reader was shown to be.
func (r *Reader) PlaceRevision() string { return revision(r.DoorID) }
