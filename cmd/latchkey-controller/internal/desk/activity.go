package desk

import (
	"strings"
	"time"
)

// A Tone is how an entry is to be seen.
type Tone string

// The tones.
const (
	Granted Tone = "granted"
	Denied  Tone = "denied"
	Paused  Tone = "paused" // a lockout
	Alarm   Tone = "alarm"
	Changed Tone = "changed" // by an administrator
	Refused Tone = "refused" // an administrator's act that was not done
	Plain   Tone = "plain"
)

// An Entry is one thing that happened: a record of a reader, an act of an
// administrator, or an alarm.
type Entry struct {
	ID       int64     // rises in the order of arrival, over all sources
	At       time.Time // by the clock of whoever noted it
	Received time.Time
	Trusted  bool   // that clock is to be trusted
	Source   string // "reader", "admin", "alarm"
	Kind     string // a record's or an alarm's; of an act "admin." and the act
	Tone     Tone
	Word     string // for the chip: "Granted"
	Text     Text   // the sentence
	Reader   string // "": none
	Door     string // its door's name
	User     uint64 // 0: none
	Person   string // the user's name
	Who      string // the administrator's name
	Via      Via
	Wrong    int    // wrong PINs in a row
	Lockout  bool   // the reader is locked out by this: an unlock may be offered
	Number   uint64 // of the record in its journal
	Journal  string
	There    *time.Location // of the door, if clocks there showed something else than the site's; nil
}

// A Text is a sentence with parts that stand out.
type Text []Phrase

// A Phrase is part of a sentence.
type Phrase struct {
	Text   string
	Strong bool
}

func (t Text) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.Text)
	}
	return b.String()
}

// A Kind is a choice of the filter.
type Kind struct{ Key, Title string }

// Kinds are the choices of Query.Kind: "granted", "denied", "lockout", "door",
// "reader", "admin", "alarm".
func Kinds() []Kind {
	return []Kind{
		{"granted", "Granted"}, {"denied", "Denied"}, {"lockout", "Lockouts"}, {"door", "Door"},
		{"reader", "Reader and link"}, {"admin", "Administrators"}, {"alarm", "Alarms"},
	}
}

// A Query chooses entries. What is zero chooses all.
type Query struct {
	Door         int64
	Reader       string
	User         uint64
	Named        string // each word begins a word of the name of a user, a door or an administrator, then, or of a user now
	Kind         string // a key of Kinds, or a kind of record like access.granted
	Since, Until time.Time
	Before       int64 // ids below this one: the next page, going back
	After        int64 // ids above this one: what is new
	Limit        int   // 0: 50; at most 1000
}

// A Page is entries, the newest first.
type Page struct {
	Entries []*Entry
	Older   int64 // for Query.Before of the next page; 0: there are none
}
