package store

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Fold returns a name as it is compared with others: in lower case, without accents and
// punctuation, its words separated by single spaces.
func Fold(text string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(r)
		default:
			space = true
		}
	}
	return b.String()
}

// letterVariants are letters with more than an accent, as people type them on a
// keyboard without them. Unicode does not decompose these.
var letterVariants = strings.NewReplacer(
	"æ", "ae", "ð", "d", "đ", "d", "ħ", "h", "ı", "i", "ł", "l", "ø", "o", "œ", "oe", "ß", "ss", "ŧ", "t", "þ", "th",
)

// searchText returns text as searches compare it: Fold with letterVariants replaced.
func searchText(text string) string { return letterVariants.Replace(Fold(text)) }

// SortKey returns a name's sort key by the Unicode collation algorithm's root order
// (UTS #10, CLDR), ignoring case and accents, with numbers by value. It is
// hexadecimal, so that SQLite compares it as bytes.
func SortKey(name string) string {
	return sortKey(newCollator(), new(collate.Buffer), name)
}

// newCollator returns what makes sort keys, which takes longer than a key.
func newCollator() *collate.Collator {
	return collate.New(language.Und, collate.Loose, collate.Numeric)
}

// sortKey is SortKey with a collator and a buffer that are used again.
func sortKey(c *collate.Collator, buffer *collate.Buffer, name string) string {
	buffer.Reset()
	return hex.EncodeToString(c.KeyFromString(buffer, name))
}

// SplitName fills in first and last name from the whole name if both are empty: the
// last word is the last name.
func (u *User) SplitName() {
	if u.First != "" || u.Last != "" {
		return
	}
	name := strings.TrimSpace(u.Name)
	if i := strings.LastIndex(name, " "); i >= 0 {
		u.First, u.Last = strings.TrimSpace(name[:i]), name[i+1:]
	} else {
		u.First = name
	}
}

// words returns what searches compare of a user: each word after a space.
func (u *User) words() string {
	words := " " + searchText(u.Name)
	for _, text := range []string{u.Email, u.Employee} {
		if text != "" {
			words += " " + searchText(text)
		}
	}
	for _, group := range u.Groups {
		if !strings.HasPrefix(group, VisitorGroups) {
			words += " " + searchText(group)
		}
	}
	return words
}

// setNames stores a user's names and groups, and the columns for sorting and
// searching.
func (t *Tx) setNames(u *User) error {
	u.SplitName()
	if err := t.exec(`UPDATE users SET first = ?, last = ?, sort = ?, words = ? WHERE id = ?`, u.First, u.Last, SortKey(u.Name), u.words(), u.ID); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM user_groups WHERE user_id = ?`, u.ID); err != nil {
		return err
	}
	for _, group := range u.Groups {
		if err := t.exec(`INSERT INTO user_groups (user_id, name) VALUES (?, ?)`, u.ID, group); err != nil {
			return err
		}
	}
	return nil
}

// sameNames says whether setNames would change nothing.
func (u *User) sameNames(before *User) bool {
	return u.Name == before.Name && u.First == before.First && u.Last == before.Last && u.Email == before.Email && u.Employee == before.Employee && slices.Equal(u.Groups, before.Groups)
}

// A UserState is a filter for users besides their names.
type UserState string

// The states. Users without credentials are also in one of the others.
const (
	AnyState     UserState = ""
	ValidUsers   UserState = "valid"          // now is within their dates, and they are not suspended
	ExpiredUsers UserState = "expired"        // their end has passed
	EarlyUsers   UserState = "not-yet-valid"  // their beginning is still to come
	BareUsers    UserState = "no-credentials" // neither PIN nor card
	// CopyableUsers have a card that can be copied, and may also be in one of the others.
	CopyableUsers UserState = "copyable-card"
	// InvitedUsers are visitors, and also in one of the others.
	InvitedUsers UserState = "visitor"
	// SuspendedUsers are not among ValidUsers; otherwise they are also in one of the others.
	SuspendedUsers UserState = "suspended"
	// UnseenUsers were added before UserChoice.AddedBefore, and no door opened to them after
	// UserChoice.SeenSince; CopiedUsers have a card of which a copy was shown. Both are also in
	// one of the others.
	UnseenUsers UserState = "not-seen"
	CopiedUsers UserState = "copied-card"
	// ExposedUsers have a PIN or card that a lost reader may have disclosed, and are also in one of the others.
	ExposedUsers UserState = "exposed"
)

// A UserChoice selects users.
type UserChoice struct {
	Search string // each word begins a word of the name, a group, the email or the employee number, ignoring case and accents
	State  UserState
	Now    int64    // Unix seconds, for State
	Groups []string // in one of these; nil: in any, or none
	Order  UserOrder

	// For UnseenUsers.
	AddedBefore int64 // Unix seconds
	SeenSince   int64 // an id of activity

	Visitors []string // of visitors those only who are in one of these groups; nil: all
	Readers  []string // what happened at these only counts for State; nil: at any
}

// from returns the FROM and WHERE of a choice with its arguments, on an index that
// covers it.
func (c UserChoice) from() (clause string, args []any) {
	where := c.where()
	return `users INDEXED BY ` + c.index() + ` WHERE ` + where.where, where.args
}

// index is the index that covers a choice. For those who are many it is in the order of names.
func (c UserChoice) index() string {
	switch c.State {
	case ExpiredUsers:
		return `users_until`
	case EarlyUsers:
		return `users_from`
	case BareUsers:
		return `users_bare`
	case CopyableUsers:
		return `users_copyable`
	case InvitedUsers:
		return `users_invited`
	case SuspendedUsers:
		return `users_suspended`
	}
	return `users_sorted`
}

// where returns the condition of a choice.
func (c UserChoice) where() (w condition) {
	switch c.State {
	case ValidUsers:
		w = w.and(`valid_from <= ? AND (valid_until = 0 OR valid_until > ?) AND suspended = 0`, c.Now, c.Now)
	case ExpiredUsers:
		w = w.and(`valid_until <> 0 AND valid_until <= ?`, c.Now)
	case EarlyUsers:
		w = w.and(`valid_from <> 0 AND valid_from > ? AND (valid_until = 0 OR valid_until > ?)`, c.Now, c.Now)
	case BareUsers:
		w = w.and(`credentials = 0`)
	case CopyableUsers:
		w = w.and(`copyable <> 0`)
	case InvitedUsers:
		w = w.and(`invited <> 0`)
	case SuspendedUsers:
		w = w.and(`suspended <> 0`)
	case UnseenUsers:
		if there, readers := c.there(); there == "" {
			w = w.and(`created <= ? AND seen <= ?`, c.AddedBefore, c.SeenSince)
		} else {
			w = w.and(`created <= ? AND NOT EXISTS (SELECT 1 FROM activity INDEXED BY activity_by_user WHERE user_id = users.id AND user_id <> 0 AND class = 'granted' AND activity.id > ?`+there+`)`,
				slices.Concat([]any{c.AddedBefore, c.SeenSince}, readers)...)
		}
	case ExposedUsers:
		w = w.and(`id IN (SELECT user_id FROM credentials WHERE exposed <> 0)`)
	case CopiedUsers:
		there, readers := c.there()
		w = w.and(`id IN (SELECT user_id FROM alarms INDEXED BY alarms_copied WHERE kind = 'card.copied' AND user_id <> 0`+there+`)`, readers...)
	default:
		w = w.and(`TRUE`)
	}
	for _, word := range strings.Fields(searchText(c.Search)) {
		w = w.and(`instr(words, ?) > 0`, " "+word)
	}
	if c.Groups != nil {
		w = w.and(`id IN (SELECT user_id FROM user_groups WHERE name IN `+listed+`)`, list(c.Groups))
	}
	if c.Visitors != nil {
		w = w.and(`(invited = 0 OR `+inGroups+`)`, list(c.Visitors))
	}
	return w
}

// there returns the condition that something happened at the readers of a choice.
func (c UserChoice) there() (and string, args []any) {
	if c.Readers == nil {
		return "", nil
	}
	return ` AND reader_id IN ` + listed, []any{list(c.Readers)}
}

// inGroups selects the users who are in one of some groups.
const inGroups = `users.id IN (SELECT user_id FROM user_groups WHERE name IN ` + listed + `)`

// countUsers returns how many of total users, as of CountSeen, a choice selects.
func (t *Tx) countUsers(c UserChoice, total int) (n int, err error) {
	searches := c.Groups != nil || c.State != AnyState && c.Visitors != nil || len(strings.Fields(searchText(c.Search))) > 0
	switch {
	case !searches && c.State == AnyState:
		return total, nil
	case !searches && c.State == ValidUsers: // usually nearly all
		n = total
		for _, others := range []UserState{ExpiredUsers, EarlyUsers} {
			less, err := t.countUsers(UserChoice{State: others, Now: c.Now}, total)
			if err != nil {
				return 0, err
			}
			n -= less
		}
		var suspended int // of the rest
		err := t.row(`SELECT count(*) FROM users INDEXED BY users_suspended WHERE suspended <> 0 AND valid_from <= ? AND (valid_until = 0 OR valid_until > ?)`, []any{c.Now, c.Now}, &suspended)
		return n - suspended, err
	}
	clause, args := c.from()
	err = t.row(`SELECT count(*) FROM `+clause, args, &n)
	return n, err
}

// CountSeen returns the number of users, of visitors those only who are in one of some groups;
// nil: all.
func (t *Tx) CountSeen(visitors []string) (n int, err error) {
	if visitors == nil {
		return t.CountUsers()
	}
	err = t.row(`SELECT (SELECT count(*) FROM users) - (SELECT count(*) FROM users INDEXED BY users_invited WHERE invited <> 0 AND NOT `+inGroups+`)`, []any{list(visitors)}, &n)
	return n, err
}

// UserName returns a user's name; "": no such user.
func (t *Tx) UserName(id uint64) (name string, err error) {
	err = t.rowIfAny(`SELECT name FROM users WHERE id = ?`, []any{id}, &name)
	return name, err
}

// ofSuspended selects the credentials that readers do not have.
const ofSuspended = `user_id IN (SELECT id FROM users INDEXED BY users_suspended WHERE suspended <> 0)`

// ofUnseen selects the credentials of visitors who are in none of some groups, a list.
const ofUnseen = `user_id IN (SELECT id FROM users INDEXED BY users_invited WHERE invited <> 0 AND NOT ` + inGroups + `)`

// PINs returns how many PINs readers have; duress: those for duress, too. Of visitors' PINs it
// counts those only of visitors who are in one of some groups, nil: all.
func (t *Tx) PINs(duress bool, visitors []string) (n int, err error) {
	const counted = `SELECT count(*) FROM credentials WHERE kind = 1 AND (duress = 0 OR ? <> 0) AND NOT ` + ofSuspended
	if err = t.row(counted, []any{duress}, &n); err != nil || visitors == nil {
		return n, err
	}
	var hidden int
	err = t.row(counted+` AND `+ofUnseen, []any{duress, list(visitors)}, &hidden)
	return n - hidden, err
}

// NewPINs says whether there are PINs that readers below wire.LevelProofs refuse: with limits,
// or if asked for duress.
func (t *Tx) NewPINs(duress bool) (are bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM credentials INDEXED BY credentials_new WHERE (duress <> 0 OR uses <> 0 OR within <> 0) AND (duress = 0 OR ? <> 0) AND NOT `+ofSuspended+`)`, []any{duress}, &are)
	return are, err
}
