package desk

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A UserForm is a user as an administrator edits it. Its fields in errors are
// "first", "last", "email", "employee", "groups", "from", "until".
type UserForm struct {
	First, Last string
	Groups      []string       // without everyone and those of visitors; names as wire.CheckName allows
	From, Until string         // for ParseTime; "": no limit
	Zone        *time.Location // of From and Until; nil: the site's
	Extended    bool           // doors open for their extended time
	Email       string         // "": none
	Employee    string         // number of an employee, as their employer writes it; "": none
}

// lastDay is the first second of the last day before the year 10000 anywhere.
const lastDay = int64(wire.MaxTime + 1 - 24*60*60)

// user returns the user of the form, or the errors in its fields.
func (f UserForm) user() (*store.User, FieldErrors) {
	var wrongs FieldErrors
	u := &store.User{First: TidyName(f.First), Last: TidyName(f.Last), Extended: f.Extended, Email: TidyName(f.Email), Employee: TidyName(f.Employee)}
	u.Name = strings.TrimSpace(u.First + " " + u.Last)
	switch {
	case u.Name == "":
		wrongs.add(wrong("first", "A user needs a name: first, last, or both"))
	case len(u.Name) > wire.MaxName:
		wrongs.add(wrong("last", "The name is too long (%d bytes): readers show at most %d. Shorten it", len(u.Name), wire.MaxName))
	default:
		wrongs.add(wrongField("first", wire.CheckLabel(u.Name)))
	}
	wrongs.add(checkEmail(u.Email))
	wrongs.add(wrongField("employee", wire.CheckLabel(u.Employee)))
	for _, group := range f.Groups {
		if group = TidyName(group); group == "" || group == wire.Everyone {
			continue
		}
		wrongs.add(wrongField("groups", checkGroup(group)))
		u.Groups = append(u.Groups, group)
	}
	slices.Sort(u.Groups)
	if u.Groups = slices.Compact(u.Groups); len(u.Groups) > wire.MaxGroups {
		wrongs.add(wrong("groups", "A user can be in at most %d groups: choose fewer", wire.MaxGroups))
	}
	u.From = f.time(&wrongs, "from", f.From, 0)
	u.Until = f.time(&wrongs, "until", f.Until, 1)
	if u.Until != 0 && u.Until <= u.From {
		wrongs.add(wrong("until", "The end must be after the beginning"))
	}
	return u, wrongs.asMistyped()
}

// maxEmail is in bytes: no address is longer (RFC 5321).
const maxEmail = 254

// checkEmail refuses what is no email address, or has a name besides; "" is fine.
func checkEmail(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > maxEmail {
		return wrong("email", "The email address is too long (%d bytes): at most %d are possible", len(text), maxEmail)
	}
	if address, err := mail.ParseAddress(text); err != nil || address.Address != text {
		return wrong("email", "Enter an email address such as ada@example.com, or leave it empty")
	}
	return wrongField("email", wire.CheckLabel(text))
}

// time returns a time of the form in Unix seconds; 0: none.
func (f UserForm) time(wrongs *FieldErrors, field, text string, days int) int64 {
	if text == "" {
		return 0
	}
	t, err := ParseTime(text, days, f.Zone)
	switch {
	case err != nil:
		wrongs.add(wrongField(field, err))
		return 0
	case t.Unix() >= lastDay:
		wrongs.add(wrong(field, "This must be before 31 December 9999; for no end, leave it empty"))
	}
	wrongs.add(wrongField(field, wire.CheckTime(t.Unix())))
	return t.Unix()
}

// timeText returns a time in Unix seconds as text; 0: "".
func timeText(seconds int64, layout string, in *time.Location) string {
	if seconds == 0 {
		return ""
	}
	return time.Unix(seconds, 0).In(in).Format(layout)
}

// formOf returns a user's form, with times in a zone.
func formOf(u *store.User, in *time.Location) UserForm {
	const minutes = "2006-01-02T15:04"
	return UserForm{
		First: u.First, Last: u.Last, Groups: ordinary(u.Groups), Zone: in, Extended: u.Extended,
		From: timeText(u.From, minutes, in), Until: timeText(u.Until, minutes, in),
		Email: u.Email, Employee: u.Employee,
	}
}

// keep restores the user's exact times in fields that were not edited.
func (f *UserForm) keep(shown UserForm, u *store.User) {
	if f.From == shown.From {
		f.From = timeText(u.From, time.RFC3339, time.UTC)
	}
	if f.Until == shown.Until {
		f.Until = timeText(u.Until, time.RFC3339, time.UTC)
	}
}

// Form returns a user's form, with times in a zone.
func (u *User) Form(in *time.Location) UserForm { return formOf(u.row, in) }

// Revision identifies the form's state.
func (f UserForm) Revision() string {
	return revision([]any{f.First, f.Last, f.Groups, f.From, f.Until, f.Extended, f.Email, f.Employee})
}
